#!/usr/bin/env python3
"""A host on the network under attack: broken TLS and HTTP get clear errors and cost no memory; 100 MB
are refused before they are read; while a thousand clients are slow or half closed, one that behaves
is answered (how fast is printed, as a ratio to the quiet figure)."""
import multiprocessing
import resource
import select
import socket
import ssl
import time
import unittest

import network_attack
from host import status_of
from network_host import NetworkHost

HOST = NetworkHost("/tmp/bridle-net-flood")
ROUNDS, EARLY, LATE = 1000, 100, 1000
CLIENTS, REQUESTS = 1000, 600


def setUpModule():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    unittest.addModuleCleanup(HOST.end)
    HOST.start()


def resident_kb():
    return int(status_of(HOST.pid_of("bridled"))["VmRSS"].split()[0])


def percentile(samples, share):
    return sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]


class Flood(unittest.TestCase):
    def timed(self, client):
        """Milliseconds of each request; every one of them is answered."""
        out = []
        for _ in range(REQUESTS):
            began = time.perf_counter()
            self.assertEqual(client.status("/api/v1/projects/test/machines"), 200)
            out.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.005)
        return out

    def test_who_behaves_is_answered(self):
        client = HOST.client(token=HOST.token("good"))
        quiet = self.timed(client)
        processes = multiprocessing.get_context("fork")
        stop, ready = processes.Event(), processes.Event()
        attacker = processes.Process(target=network_attack.attack, args=(
            stop, ready, HOST.port, HOST.authority(), HOST.token("slow"), CLIENTS))
        attacker.start()
        try:
            self.assertTrue(ready.wait(120))
            busy = self.timed(client)
            # Who comes anew is let in, too.
            self.assertEqual(HOST.client(token=HOST.token("late")).status("/version"), 200)
        finally:
            stop.set()
            attacker.join(60)
        self.assertEqual(attacker.exitcode, 0)
        before, during = percentile(quiet, 0.99), percentile(busy, 0.99)
        print(f"p99 quiet {before:.2f} ms, among {CLIENTS} slow clients {during:.2f} ms, "
              f"ratio {during / before:.2f} (median {percentile(quiet, 0.5):.2f}, "
              f"{percentile(busy, 0.5):.2f})")

    def one_round(self, number, context, token):
        source = f"127.0.{10 + number // 200}.{1 + number % 200}"
        for name, answer in network_attack.broken_tls(HOST.port, source):
            # An alert (record type 21), or the end.
            self.assertIn(answer[:1], (b"", b"\x15"), name)
        wanted = {"no request": (400,), "endless header": (431,), "stranger": (401,),
                  "two lengths": (400,), "deep": (400,), "100 MB": (413,)}
        for name, status in network_attack.broken_http(HOST.port, source, context, token):
            self.assertIn(status, wanted[name], name)

    def test_rounds_of_garbage_cost_no_memory(self):
        context = ssl.create_default_context(cadata=HOST.authority())
        token = HOST.token("hostile")
        seen = {}
        for number in range(1, ROUNDS + 1):
            self.one_round(number, context, token)
            if number in (EARLY, LATE // 2, LATE):
                seen[number] = resident_kb()
        growth = seen[LATE] / seen[EARLY] - 1
        print(f"resident memory of bridled after rounds: {seen} kB, growth {growth:.1%}")
        self.assertLess(growth, 0.05)
        self.assertEqual(HOST.client(token=token).status("/version"), 200)

    def test_100_megabytes_are_refused_before_they_are_read(self):
        token = HOST.token("large", role="operator")
        context = ssl.create_default_context(cadata=HOST.authority())
        for who in (token, None):
            link = network_attack.secure(HOST.port, "127.0.0.1", context)
            self.assertEqual(self.push(link, network_attack.head(
                who, "/api/v1/projects/test/secrets/x", "PUT", "Content-Length: 104857600")), 413)
        local = socket.socket(socket.AF_UNIX)
        local.settimeout(10)
        local.connect(f"{HOST.root}/run/bridled.sock")
        self.assertEqual(self.push(local, network_attack.head(
            None, "/api/v1/projects/test/secrets/x", "PUT", "Content-Length: 104857600")), 413)

    def push(self, link, head):
        """The status that stops it; the host does not take all of the body."""
        link.sendall(head)
        sent = 0
        while sent < 100 and not select.select([link], [], [], 0)[0]:
            try:
                link.sendall(bytes(1 << 20))
            except OSError:  # it hung up on us; what it said before is there to read
                break
            sent += 1
        got = link.recv(4096)
        link.close()
        self.assertLess(sent, 50)
        return int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else f"no answer after {sent} MiB"


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
