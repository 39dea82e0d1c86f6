#!/usr/bin/env python3
"""What the jail does for switches, with a stand-in for bridle-switch: starts and restarts, the hand-over of
every kind of port, rings, NAT with an outside world of its own, and that a purge leaves nothing.

All of it runs in network and mount namespaces that end with the test: "the host" here is no host.
"""
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
import uuid

import host
from host import wait_for
from jail_records import (AF_PACKET, AF_XDP, DATAGRAM, FORGET_STATE, HOST, ISOLATED, LIST, NAT, NAT_FORWARDS, OUTSIDE,
                          PORT_CLOSE, PORT_LIST, PORT_OPEN, RELEASE, RESTART, RING, SIGNAL, START, SWITCH_LIST,
                          SWITCH_START, SWITCH_STOP, TAP, Jail, forward, order, request, sealed)

ROOT = "/tmp/bridle-jail-switch"
HERE = pathlib.Path(__file__).resolve().parent


def run(*words, check=True):
    return subprocess.run([str(w) for w in words], check=check, capture_output=True, text=True)


def ip(*words, check=True):
    return run("/usr/sbin/ip", *words, check=check)


def index_of(device):
    return socket.if_nametoindex(device)


class Case(unittest.TestCase):
    SWITCH = HERE / "switch_stand_in"

    def setUp(self):
        shutil.rmtree(ROOT, ignore_errors=True)
        self.jail = Jail(ROOT, self.SWITCH)
        self.started = []

    def tearDown(self):
        for process in self.started:
            process.kill()
            process.wait()
        if self.jail.process.poll() is None:
            self.jail.end()
        group = self.jail.group()
        self.jail.purge()
        self.assertEqual(self.left_over(group), [])
        shutil.rmtree(ROOT)
        shutil.rmtree(self.jail.bin)

    def left_over(self, group):
        """Whatever a purge should have removed."""
        left = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if f"{ROOT}/run" in line]
        left += [line for line in run("/usr/sbin/nft", "list", "tables").stdout.splitlines() if group in line]
        left += [line for line in ip("-o", "link").stdout.splitlines() if "brl-" in line or "brt-" in line]
        for tree in pathlib.Path("/sys/fs/cgroup").iterdir():
            left += [str(tree)] if (tree / group).exists() else []
        if os.path.exists(f"{ROOT}/run"):
            left += [f"run/{name}" for name in os.listdir(f"{ROOT}/run")]
        return left

    def start_switch(self, zone, **more):
        return self.jail.must(request(SWITCH_START, zone=zone, **more))

    def switches(self):
        return {answer.zone: answer for answer in self.jail.all(request(SWITCH_LIST))}

    def pid_of(self, zone):
        return self.switches()[zone].pid

    def own(self, it):
        """Closed when the test ends."""
        self.addCleanup(it.close)
        return it

    def has(self, zone, port):
        found = self.jail.given(zone, port)
        for fd in found[1] if found else []:
            os.close(fd)
        return bool(found)

    def kill_switch(self, zone):
        """And waits for the next one."""
        old = self.pid_of(zone)
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: self.pid_of(zone) not in (0, old), 20, "another switch runs")


class Life(Case):
    def test_a_switch_has_no_rights_and_sees_what_it_should(self):
        answer = self.start_switch(7, memory=256 << 20, pids=40)
        uid = self.jail.uid + 45056 + 7
        facts = dict(line.split(":", 1) for line in self.jail.given(7, 0).splitlines())
        self.assertEqual(facts["Uid"].split(), [str(uid)] * 4)
        self.assertEqual(facts["Gid"].split(), [str(uid)] * 4)
        self.assertEqual(facts["Groups"].split(), [])
        self.assertEqual(int(facts["CapEff"], 16), 0)
        self.assertEqual(int(facts["CapBnd"], 16), 0)
        self.assertEqual(facts["NoNewPrivs"].strip(), "1")
        self.assertEqual(facts["Seccomp"].strip(), "2")
        self.assertEqual(facts["root"].split(),
                         ["bin", "bridle-switch", "dev", "g", "lib", "lib64", "proc", "s", "sbin", "state", "sys",
                          "tmp", "usr"] + ([] if not os.path.exists("/lib32") else []))
        self.assertLessEqual(set(map(int, facts["open"].split())) - set(range(0, 14)), set())
        for space in ("net", "pid", "ipc", "uts", "mnt"):
            self.assertNotEqual(os.readlink(f"/proc/{answer.pid}/ns/{space}"), os.readlink(f"/proc/self/ns/{space}"))
        groups = pathlib.Path(f"/proc/{answer.pid}/cgroup").read_text()
        self.assertIn(f"{self.jail.group()}/switches/7", groups)
        limits = [path.read_text().strip() for path in pathlib.Path("/sys/fs/cgroup").glob(
            f"*/{self.jail.group()}/switches/7/memory.limit_in_bytes")]
        self.assertIn(limits, ([str(256 << 20)], []))
        self.assertEqual(os.stat(f"{ROOT}/run/s/7/control.sock").st_uid, self.jail.uid)
        self.assertEqual(os.stat(f"{ROOT}/run/s/7/jail.sock").st_uid, 0)

    def test_starting_again_changes_nothing_and_a_restart_does(self):
        first = self.start_switch(3)
        self.assertEqual(self.start_switch(3).pid, first.pid)
        second = self.start_switch(3, flags=RESTART)
        self.assertNotEqual(second.pid, first.pid)
        self.assertFalse(os.path.exists(f"/proc/{first.pid}"))
        self.assertEqual(self.switches()[3].deaths, 0)

    def test_a_killed_switch_comes_back_also_while_its_jail_is_dead(self):
        self.start_switch(1)
        self.jail.open(1, 5, order(TAP))
        self.kill_switch(1)
        self.assertEqual(self.switches()[1].deaths, 1)
        self.assertTrue(self.has(1, 5))
        pid = self.pid_of(1)
        self.jail.kill()
        self.jail.start()
        self.assertEqual(self.pid_of(1), pid)  # adopted
        self.assertTrue(self.has(1, 5))
        self.jail.kill()
        os.kill(pid, signal.SIGKILL)
        self.jail.start()
        wait_for(lambda: self.pid_of(1) not in (0, pid), 20, "the new jail starts another")
        self.assertTrue(self.has(1, 5))

    def test_what_a_jail_had_no_time_to_hand_over_is_handed_over_by_the_next(self):
        self.start_switch(1)
        os.kill(self.pid_of(1), signal.SIGSTOP)  # what is sent stays in the socket
        self.jail.open(1, 9, order(TAP))
        self.jail.kill()
        os.kill(self.pid_when_dead(1), signal.SIGKILL)
        self.jail.start()
        self.assertTrue(self.has(1, 9))

    def pid_when_dead(self, zone):
        record = pathlib.Path(f"{ROOT}/run/s/{zone}/record").read_bytes()
        return struct.unpack_from("<I", record, 56)[0]

    def test_stop_leaves_nothing_but_the_state_and_forget_not_even_that(self):
        self.start_switch(2)
        self.jail.open(2, 1, order(TAP))
        self.jail.given(2, 0)
        self.jail.must(request(SWITCH_STOP, zone=2))
        self.assertEqual(self.switches(), {})
        self.assertFalse(os.path.exists(f"{ROOT}/run/s/2"))
        self.assertTrue(os.path.exists(f"{ROOT}/switch/2/mark"))
        self.assertNotIn("brt-", ip("-o", "link").stdout)
        self.jail.must(request(SWITCH_STOP, zone=2, flags=FORGET_STATE))
        self.assertFalse(os.path.exists(f"{ROOT}/switch/2"))

    def test_orders_of_a_zone_without_a_switch_are_refused(self):
        answer = self.jail.ask(request(PORT_OPEN, zone=4, port=1, body=order(TAP)))
        self.assertIn("has no switch", answer.message)
        self.jail.must(request(PORT_CLOSE, zone=4, port=1))


class Kinds(Case):
    def test_tap_is_a_device_of_the_host_that_keeps_its_bridge(self):
        ip("link", "add", "br9", "type", "bridge")
        self.addCleanup(ip, "link", "del", "br9")
        self.start_switch(1)
        opened = self.jail.open(1, 1, order(TAP, mtu=9000, bridge=index_of("br9")))
        self.assertTrue(opened.device.startswith("brt-"))
        shown = ip("-o", "link", "show", opened.device).stdout
        self.assertIn("mtu 9000", shown)
        self.assertIn("master br9", shown)
        before = index_of(opened.device)
        self.kill_switch(1)
        record, (tap,) = self.jail.given(1, 1)
        self.assertEqual(index_of(opened.device), before)
        self.assertEqual(record[6], 10)
        frame = bytes(10) + b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + b"hello".ljust(60, b"\0")
        watcher = self.own(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
        watcher.bind((opened.device, 0))
        watcher.settimeout(10)
        os.write(tap, frame)
        os.close(tap)
        while watcher.recv(2000) != frame[10:]:
            pass
        again = self.jail.open(1, 1, order(TAP, mtu=9000, bridge=index_of("br9")))
        self.assertEqual((again.device, again.note), (opened.device, 0))
        self.assertEqual([a.port for a in self.jail.all(request(PORT_LIST, zone=1))], [1])
        self.jail.must(request(PORT_CLOSE, zone=1, port=1))
        wait_for(lambda: self.jail.given(1, 1, 0) is None, 10, "the switch lets it go")
        self.assertNotIn(opened.device, ip("-o", "link").stdout)

    def pair(self):
        ip("link", "add", "phys0", "type", "veth", "peer", "name", "wire0")
        self.addCleanup(ip, "link", "del", "phys0", check=False)
        for name in ("phys0", "wire0"):
            ip("link", "set", name, "up")
        wire = self.own(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5)))
        wire.bind(("wire0", 0))
        wire.settimeout(10)
        return wire

    def test_af_packet_sees_what_the_wire_brings_and_sends(self):
        wire = self.pair()
        self.start_switch(1)
        self.jail.open(1, 2, order(AF_PACKET, device=index_of("phys0")))
        record, (fd,) = self.jail.given(1, 2)
        self.assertEqual((record[4], record[6], record[7]), (AF_PACKET, 10, 1500))
        packet = self.own(socket.socket(fileno=fd))
        packet.settimeout(10)
        frame = b"\x02\0\0\0\0\7" + b"\x02\0\0\0\0\1" + b"\x88\xb5" + b"in".ljust(60, b"\0")
        wire.send(frame)
        while True:
            data = packet.recv(3000)
            if data[22:24] == b"\x88\xb5":
                break
        self.assertEqual(data[10:], frame)
        packet.send(bytes(10) + frame)
        self.assertEqual(wire.recv(3000), frame)
        packet.close()
        self.kill_switch(1)
        self.assertTrue(self.has(1, 2))

    def test_af_xdp_hands_over_a_bound_socket_its_memory_and_its_program(self):
        wire = self.pair()
        self.start_switch(1)
        self.jail.open(1, 3, order(AF_XDP, device=index_of("phys0")))
        record, fds = self.jail.given(1, 3)
        self.assertEqual(len(fds), 3)
        self.assertEqual(os.fstat(fds[1]).st_size, record[11])
        self.assertIn("xdp", ip("link", "show", "phys0").stdout)
        received = self.receive_xdp(fds, record, wire)
        self.assertIn(b"\x88\xb5" + b"by xdp", received)
        for fd in fds:
            os.close(fd)
        self.kill_switch(1)
        again = self.jail.given(1, 3)
        self.assertTrue(again)
        for fd in again[1]:
            os.close(fd)
        self.jail.must(request(PORT_CLOSE, zone=1, port=3))
        wait_for(lambda: "xdp" not in ip("link", "show", "phys0").stdout, 10, "the program goes with its link")

    def receive_xdp(self, fds, record, wire):
        """One frame, by hand: fill ring in, receive ring out."""
        import ctypes
        import mmap
        libc = ctypes.CDLL(None, use_errno=True)
        offsets = (ctypes.c_uint64 * 16)()
        size = ctypes.c_uint32(128)
        self.assertEqual(libc.getsockopt(fds[0], 283, 1, offsets, ctypes.byref(size)), 0)
        rx, fill = list(offsets[0:4]), list(offsets[8:12])
        entries = record[12]
        fill_map = mmap.mmap(fds[0], fill[2] + entries * 8, offset=0x100000000)
        rx_map = mmap.mmap(fds[0], rx[2] + entries * 16, offset=0)
        memory = mmap.mmap(fds[1], record[11])
        for i in range(64):
            struct.pack_into("<Q", fill_map, fill[2] + 8 * i, i * record[10])
        struct.pack_into("<I", fill_map, fill[0], 64)
        poller = select.poll()
        poller.register(fds[0], select.POLLIN)
        end = time.monotonic() + 20
        done = 0
        while time.monotonic() < end:
            wire.send(b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + b"by xdp".ljust(60, b"\0"))
            poller.poll(200)
            produced = struct.unpack_from("<I", rx_map, rx[0])[0]
            for i in range(done, produced):
                address, length, _ = struct.unpack_from("<QII", rx_map, rx[2] + 16 * i)
                if memory[address + 12:address + 14] == b"\x88\xb5":
                    return memory[address:address + length]
            done = produced
        self.fail("nothing came by AF_XDP")

    def test_a_device_that_is_not_there_is_refused_with_words(self):
        self.start_switch(1)
        for kind in (AF_PACKET, AF_XDP):
            answer = self.jail.ask(request(PORT_OPEN, zone=1, port=1, body=order(kind, device=999999)))
            self.assertNotEqual(answer.error, 0)
        self.assertEqual(self.jail.all(request(PORT_LIST, zone=1)), [])

    def test_ring_is_the_same_memory_for_both_sides_whoever_dies(self):
        self.start_switch(1)
        self.start_switch(2)
        self.jail.open(1, 8, order(RING, size=65536, peer=(2, 9)))

        def same():
            sides = self.jail.given(1, 8), self.jail.given(2, 9)
            self.assertEqual([side[0][5] for side in sides], [0, 1])
            for both in zip(sides[0][1], sides[1][1]):
                yield os.fstat(both[0]).st_ino == os.fstat(both[1]).st_ino
            os.pwrite(sides[0][1][0], b"seen", 100)
            self.seen = os.pread(sides[1][1][0], 4, 100)
            with self.assertRaises(OSError):
                os.ftruncate(sides[1][1][0], 0)
            for fd in sides[0][1] + sides[1][1]:
                os.close(fd)
        self.assertTrue(all(same()))
        self.assertEqual(self.seen, b"seen")
        self.kill_switch(2)
        self.assertTrue(all(same()))
        self.jail.kill()
        os.kill(self.pid_in_record(2), signal.SIGKILL)
        self.jail.start()  # it has lost the memory: both get another
        wait_for(lambda: self.pid_of(2) != 0, 20, "another switch runs")
        self.jail.given(2, 9)
        wait_for(lambda: all(same()) and self.seen == b"seen", 20, "both sides have the new ring")

    def pid_in_record(self, zone):
        return struct.unpack_from("<I", pathlib.Path(f"{ROOT}/run/s/{zone}/record").read_bytes(), 56)[0]


class Guest(Case):
    """A real QEMU without a machine: a hub between its two interfaces."""

    def start_guest(self, boot, attachments=b"", zone=0):
        words = ["-machine", "none", "-nodefaults", "-display", "none"]
        kinds = list(attachments) + [0] * (2 - len(attachments))
        for i, kind in enumerate(kinds):
            if kind == 0:
                words += ["-netdev", f"dgram,id=n{i},local.type=fd,local.str={13 + i}",
                          "-netdev", f"hubport,id=h{i},hubid=0,netdev=n{i}"]
            else:
                words += ["-chardev", f"socket,id=c{i},fd={13 + i},server=on,wait=off",
                          "-object", "memory-backend-memfd,id=m0,size=64M,share=on"]
        arguments = sealed(b"\0".join(w.encode() for w in words) + b"\0")
        return self.jail.must(request(START, guest=self.guest, boot=boot, slot=1, interfaces=2,
                                      attachments=attachments, zone=zone), [arguments])

    def setUp(self):
        super().setUp()
        self.guest = uuid.uuid4()

    def stop_guest(self):
        self.jail.must(request(SIGNAL, guest=self.guest, signal_number=signal.SIGKILL))
        wait_for(lambda: self.jail.ask(request(RELEASE, guest=self.guest)).error == 0, 20, "the guest is released")

    def crosses(self):
        """A frame that goes into interface 0 comes out of interface 1."""
        ends = [self.own(socket.socket(fileno=self.jail.given(1, port)[1][0])) for port in (1, 2)]
        frame = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + os.urandom(50)
        ends[1].settimeout(10)
        ends[0].send(frame)
        return ends[1].recv(2000) == frame

    def open_both(self, boot):
        for i in (0, 1):
            self.jail.open(1, 1 + i, order(DATAGRAM, guest=self.guest, boot=boot, interface=i))

    def test_datagram_ends_are_made_anew_for_whoever_needs_them(self):
        self.start_switch(1)
        self.start_guest(5)
        self.open_both(5)
        self.assertTrue(self.crosses())
        self.kill_switch(1)
        self.assertTrue(self.crosses())
        self.jail.kill()
        self.jail.start()
        self.open_both(5)
        self.assertTrue(self.crosses())
        self.jail.kill()
        os.kill(struct.unpack_from("<I", pathlib.Path(f"{ROOT}/run/s/1/record").read_bytes(), 56)[0], signal.SIGKILL)
        self.jail.start()
        self.assertTrue(self.crosses())
        self.stop_guest()
        answer = self.jail.ask(request(PORT_OPEN, zone=1, port=1,
                                       body=order(DATAGRAM, guest=self.guest, boot=6, interface=0)))
        self.assertNotEqual(answer.error, 0)
        self.start_guest(6)
        self.open_both(6)
        self.assertTrue(self.crosses())

    def test_vhost_user_socket_is_the_switch_s_alone(self):
        self.start_switch(3)
        self.start_guest(1, attachments=bytes([1, 0]), zone=3)
        path = f"{ROOT}/run/g/{self.guest}/net0.sock"
        self.assertEqual(os.stat(path).st_uid, self.jail.uid + 45056 + 3)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(path)
        self.jail.kill()  # the record says it again
        self.jail.start()
        self.assertEqual(len(self.jail.all(request(LIST))), 1)
        answer = self.jail.ask(request(PORT_OPEN, zone=3, port=1,
                                       body=order(DATAGRAM, guest=self.guest, boot=1, interface=0)))
        self.assertIn("not the datagram socket", answer.message)


class Real(Case):
    """With bridle-switch itself."""
    SWITCH = host.BIN / "bridle-switch"

    def hello(self, zone):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(f"{ROOT}/run/s/{zone}/control.sock")
            connection.sendall(b'{"verb": "hello"}\n')
            return json.loads(connection.makefile().readline())

    def test_it_runs_where_the_jail_puts_it_and_takes_what_it_is_given(self):
        self.start_switch(1, memory=1 << 30)
        self.assertEqual(self.hello(1)["protocol"], 1)
        self.jail.open(1, 4, order(TAP))
        wait_for(self.holds_tap, 20, "the switch holds the TAP")
        self.kill_switch(1)
        wait_for(self.holds_tap, 20, "the next one holds it, too")
        self.assertEqual(self.hello(1)["protocol"], 1)
        begin = self.pid_of(1)
        self.start_switch(1, flags=RESTART)
        self.assertNotEqual(self.pid_of(1), begin)
        self.assertEqual(self.hello(1)["protocol"], 1)

    def holds_tap(self):
        """Whether the process itself has it, not only its socket."""
        folder = pathlib.Path(f"/proc/{self.pid_of(1)}/fd")
        return any(os.readlink(fd).endswith("/dev/net/tun") or os.readlink(fd) == "/net/tun" for fd in folder.iterdir())


SERVER = """
import socket, sys, threading
kind, address, port = sys.argv[1:4]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, int(port)))
if kind == "tcp":
    s.listen()
print("ready", flush=True)
while True:
    if kind == "udp":
        data, peer = s.recvfrom(2000)
        s.sendto(("you are " + peer[0]).encode(), peer)
    else:
        c, peer = s.accept()
        c.sendall(("you are " + peer[0]).encode())
        c.close()
"""

CALL = """
import socket, sys
kind, address, port = sys.argv[1:4]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[4]))
s.connect((address, int(port)))
if kind == "udp":
    s.send(b"who am I?")
print(s.recv(2000).decode())
"""

# Joins a TAP of its own namespace with the descriptor of another (what a switch and a guest would do).
RELAY = """
import fcntl, os, select, struct, sys
own = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(own, 0x400454ca, struct.pack("16sH22x", b"g0", 0x2 | 0x1000 | 0x4000))
other = int(sys.argv[1])
print("ready", flush=True)
while True:
    for fd in select.select([own, other], [], [])[0]:
        try:
            os.write(own if fd == other else other, os.read(fd, 70000))
        except OSError as e:
            if e.errno not in (5, 11):
                raise
"""


class Nat(Case):
    """outside (203.0.113.1) -- host (203.0.113.2) -- nat network 10.9.0.0/24 -- client (10.9.0.5)."""

    def setUp(self):
        super().setUp()
        for name in ("outside", "client", "client2"):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            self.addCleanup(ip, "netns", "del", name)
        ip("link", "add", "eth0", "type", "veth", "peer", "name", "out0", "netns", "outside")
        self.addCleanup(ip, "link", "del", "eth0", check=False)
        ip("addr", "add", "203.0.113.2/24", "dev", "eth0")
        ip("addr", "add", "2001:db8::2/64", "dev", "eth0", "nodad")
        ip("link", "set", "eth0", "up")
        ip("-n", "outside", "addr", "add", "203.0.113.1/24", "dev", "out0")
        ip("-n", "outside", "addr", "add", "2001:db8::1/64", "dev", "out0", "nodad")
        ip("-n", "outside", "link", "set", "out0", "up")
        ip("route", "add", "default", "via", "203.0.113.1")
        self.start_switch(1)

    def within(self, space, *words):
        return ["/usr/sbin/ip", "netns", "exec", space, *words] if space else list(words)

    def serve(self, space, kind, address, port):
        server = subprocess.Popen(self.within(space, sys.executable, "-c", SERVER, kind, address, str(port)),
                                  stdout=subprocess.PIPE)
        self.started.append(server)
        self.assertEqual(server.stdout.readline(), b"ready\n")

    def call(self, space, kind, address, port, patience=10):
        """What the server says; "" if nobody answers."""
        done = run(*self.within(space, sys.executable, "-c", CALL, kind, address, port, patience), check=False)
        return done.stdout.strip()

    def nat(self, port=10, *, mac="52:54:00:00:00:01", nat_flags=OUTSIDE, **more):
        return self.jail.open(1, port, order(NAT, nat_flags=nat_flags, prefix4=24, gateway4="10.9.0.1", mac=mac, **more))

    def join(self, port=10, client="client", address="10.9.0.5"):
        _, (tap,) = self.jail.given(1, port)
        relay = subprocess.Popen(self.within(client, sys.executable, "-c", RELAY, str(tap)), pass_fds=[tap],
                                 stdout=subprocess.PIPE)
        os.close(tap)
        self.started.append(relay)
        self.assertEqual(relay.stdout.readline(), b"ready\n")
        ip("-n", client, "addr", "add", f"{address}/24", "dev", "g0")
        ip("-n", client, "link", "set", "g0", "up")
        ip("-n", client, "route", "add", "default", "via", "10.9.0.1")
        return relay

    def test_guests_reach_out_and_not_the_host(self):
        opened = self.nat(resolver="203.0.113.1")
        self.assertEqual((opened.note, opened.message), (0, ""))
        self.join()
        self.serve("outside", "tcp", "203.0.113.1", 8000)
        self.serve("outside", "udp", "203.0.113.1", 53)
        self.serve(None, "tcp", "0.0.0.0", 7000)
        self.assertEqual(self.call("client", "tcp", "203.0.113.1", 8000), "you are 203.0.113.2")
        self.assertEqual(self.call("client", "udp", "10.9.0.1", 53), "you are 203.0.113.2")
        link = [line.split()[3].split("/")[0] for line in ip("-o", "-4", "addr").stdout.splitlines() if "brl-" in line][0]
        for address in ("203.0.113.2", link):
            self.assertEqual(self.call("client", "tcp", address, 7000, 3), "", address)
        ip("addr", "add", "169.254.169.254/32", "dev", "eth0")  # a cloud's metadata, of the host's own address even
        self.serve("outside", "tcp", "0.0.0.0", 80)
        self.assertEqual(self.call("client", "tcp", "169.254.169.254", 80, 3), "")
        ip("addr", "del", "169.254.169.254/32", "dev", "eth0")
        ip("-n", "outside", "addr", "add", "169.254.169.254/32", "dev", "out0")
        ip("route", "add", "169.254.169.254/32", "via", "203.0.113.1")
        self.assertEqual(self.call(None, "tcp", "169.254.169.254", 80), "you are 203.0.113.2")
        self.assertEqual(self.call("client", "tcp", "169.254.169.254", 80, 3), "")

    def test_the_host_is_reached_only_where_that_was_asked_for(self):
        self.nat(nat_flags=OUTSIDE | HOST)
        self.join()
        self.serve(None, "tcp", "0.0.0.0", 7000)
        self.assertTrue(self.call("client", "tcp", "203.0.113.2", 7000).startswith("you are 169.254."))

    def test_without_outside_nothing_leaves_and_forwards_come_in(self):
        self.nat(nat_flags=0)
        self.join()
        self.serve("outside", "tcp", "203.0.113.1", 8000)
        self.assertEqual(self.call("client", "tcp", "203.0.113.1", 8000, 3), "")

    def forward(self, *forwards, port=10):
        return self.jail.must(request(NAT_FORWARDS, zone=1, port=port, forwards=len(forwards), body=b"".join(forwards)))

    def test_forwards_are_reached_from_everywhere_and_survive_the_jail(self):
        self.nat()
        self.join()
        self.serve("client", "tcp", "10.9.0.5", 22)
        self.serve("client", "udp", "10.9.0.5", 5353)
        self.forward(forward(6, 2222, "10.9.0.5", 22), forward(17, 5300, "10.9.0.5", 5353))

        def reached():
            self.assertEqual(self.call("outside", "tcp", "203.0.113.2", 2222), "you are 203.0.113.1")
            self.assertEqual(self.call("outside", "udp", "203.0.113.2", 5300), "you are 203.0.113.1")
            self.assertTrue(self.call(None, "tcp", "127.0.0.1", 2222).startswith("you are 169.254."))
            self.assertTrue(self.call(None, "tcp", "203.0.113.2", 2222).startswith("you are "))
        reached()
        self.jail.kill()
        reached()
        self.jail.start()
        self.nat(11, mac="52:54:00:00:00:02")  # makes the host's rules anew, of both networks
        reached()
        self.forward()
        self.assertEqual(self.call("outside", "tcp", "203.0.113.2", 2222, 3), "")

    def test_networks_are_apart_though_their_addresses_are_the_same(self):
        self.nat(10)
        self.nat(11, mac="52:54:00:00:00:02")
        self.join(10)
        self.join(11, "client2")
        self.serve("client2", "tcp", "10.9.0.5", 22)
        self.forward(forward(6, 2222, "10.9.0.5", 22), port=11)
        self.serve("outside", "tcp", "203.0.113.1", 8000)
        for client in ("client", "client2"):
            self.assertEqual(self.call(client, "tcp", "203.0.113.1", 8000), "you are 203.0.113.2")
        links = [line.split()[3].split("/")[0] for line in ip("-o", "-4", "addr").stdout.splitlines() if "brl-" in line]
        self.assertEqual(len(links), 2)
        for address in ["203.0.113.2"] + links + [link[:-1] + str(int(link[-1]) + 1) for link in links]:
            self.assertEqual(self.call("client", "tcp", address, 2222, 2), "", address)

    def test_a_new_process_of_the_switch_has_the_same_gateway(self):
        self.nat()
        relay = self.join()
        self.serve("outside", "tcp", "203.0.113.1", 8000)
        relay.kill()
        relay.wait()
        self.kill_switch(1)
        self.join_again()
        self.assertEqual(self.call("client", "tcp", "203.0.113.1", 8000), "you are 203.0.113.2")

    def join_again(self):
        self.join()

    def test_ipv6_goes_out_where_the_host_is_a_router(self):
        pathlib.Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
        self.addCleanup(pathlib.Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text, "0")
        self.nat(prefix6=64, gateway6="fd00:9::1")
        self.join()
        ip("-n", "client", "addr", "add", "fd00:9::5/64", "dev", "g0", "nodad")
        ip("-n", "client", "-6", "route", "add", "default", "via", "fd00:9::1")
        self.serve("outside", "tcp", "2001:db8::1", 8000)
        self.serve(None, "tcp", "::", 7000)
        self.serve("client", "tcp", "fd00:9::5", 22)
        self.assertEqual(self.call("client", "tcp", "2001:db8::1", 8000), "you are 2001:db8::2")
        self.assertEqual(self.call("client", "tcp", "2001:db8::2", 7000, 3), "")
        self.forward(forward(6, 2222, "fd00:9::5", 22))
        self.assertEqual(self.call("outside", "tcp", "2001:db8::2", 2222), "you are 2001:db8::1")

    def test_without_nft_the_network_is_isolated_and_says_why(self):
        run("mount", "--bind", "/dev/null", "/usr/sbin/nft")
        try:
            opened = self.nat()
        finally:
            run("umount", "/usr/sbin/nft")
        self.assertEqual(opened.note, ISOLATED)
        self.assertIn("apt-get install nftables", opened.message)
        self.join()
        self.serve("outside", "tcp", "203.0.113.1", 8000)
        self.assertEqual(self.call("client", "tcp", "203.0.113.1", 8000, 3), "")
        self.assertNotIn("brl-", ip("-o", "link").stdout)
        answer = self.jail.ask(request(NAT_FORWARDS, zone=1, port=10))
        self.assertIn("isolated", answer.message)

    def test_closing_leaves_nothing_of_it(self):
        self.nat()
        self.assertIn("brl-", ip("-o", "link").stdout)
        self.jail.must(request(PORT_CLOSE, zone=1, port=10))
        self.assertNotIn("brl-", ip("-o", "link").stdout)
        self.assertNotIn(self.jail.group(), run("/usr/sbin/nft", "list", "tables").stdout)
        self.assertFalse(os.path.exists(f"{ROOT}/run/s/1/nat.10"))
        self.assertEqual(self.jail.all(request(PORT_LIST, zone=1)), [])


def inside():
    """Namespaces of our own: what this test calls the host."""
    if os.environ.get("BRIDLE_INSIDE") == "1":
        return
    os.execvpe("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, *sys.argv],
               os.environ | {"BRIDLE_INSIDE": "1"})


if __name__ == "__main__":
    inside()
    os.makedirs("/run/netns", exist_ok=True)
    run("mount", "-t", "tmpfs", "none", "/run/netns")
    ip("link", "set", "lo", "up")
    unittest.main(warnings="ignore")
