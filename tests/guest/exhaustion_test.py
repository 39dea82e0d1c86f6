#!/usr/bin/env python3
"""A host that runs out of something: disk, descriptors, memory; and whose clock jumps. Whoever asks is
told clearly, guests run on, nothing acknowledged is lost, and when there is room again everything works."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import unittest

import host
from host import Host, wait_for

ROOT = "/tmp/bridle-exhausted"
DISK = "/tmp/bridle-exhausted.disk"
CLOCK = "/tmp/bridle-exhausted.clock"


def secret(name):
    return {"apiVersion": "bridle/v1", "kind": "Secret", "metadata": {"name": name, "project": "test"},
            "spec": {"data": {"key": "x" * 20000}}}


class Exhaustion(unittest.TestCase):
    """One host on a disk of its own; a guest runs through all of it."""

    @classmethod
    def setUpClass(cls):
        cls.host = Host(root=ROOT)
        with open(DISK, "wb") as file:
            file.truncate(1 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", DISK], check=True)
        os.makedirs(ROOT)
        subprocess.run(["mount", "-o", "loop", DISK, ROOT], check=True)
        shutil.rmtree(f"{ROOT}/lost+found")
        cls.addClassCleanup(cls.clean)
        with open(CLOCK, "wb") as file:
            file.write(bytes(8))
        os.chmod(CLOCK, 0o644)
        os.environ["LD_PRELOAD"] = str(host.BIN.parent / "tests/guest/libjumping_clock.so")
        os.environ["BRIDLE_TEST_CLOCK"] = CLOCK
        cls.host.start()
        for name in ("LD_PRELOAD", "BRIDLE_TEST_CLOCK"):
            os.environ.pop(name)
        cls.host.run("image", "build", "tiny", "--no-progress", timeout=900)
        cls.host.apply(cls.host.machine("guest"))
        cls.host.wait_ready("guest")

    @classmethod
    def clean(cls):
        pid = cls.host.pid_of("bridle-supervise")
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: host.has_ended(pid), 30, "the supervisor ends")
        subprocess.run([host.BIN / "bridle-jail", "--root", ROOT, "--purge"], check=True)
        subprocess.run(["umount", ROOT], check=True)
        os.rmdir(ROOT)
        for path in (DISK, CLOCK):
            os.unlink(path)

    def setUp(self):
        self.guest = self.host.get("machine", "guest")["status"]["pid"]
        self.kept = {s["metadata"]["name"] for s in self.host.list("secrets")}

    def tearDown(self):
        """Back to normal: what was acknowledged is there, the guest is the same, the ledger is whole."""
        pathlib.Path(ROOT, "filler").unlink(missing_ok=True)
        wait_for(lambda: self.host.run("apply", "-f", "-", input=json.dumps(secret("last")), check=False).returncode == 0,
                 60, "the host takes wishes again")
        names = {s["metadata"]["name"] for s in self.host.list("secrets")}
        self.assertLessEqual(self.kept, names)
        self.assertEqual(self.host.get("machine", "guest")["status"]["pid"], self.guest)
        self.host.wait_ready("guest")
        self.assertIn("intact", self.host.run("ledger", "verify").stdout)
        wait_for(lambda: not self.open_intents(), 60, "the ledger is closed", self.open_intents)
        self.host.apply(self.host.machine("after"))
        self.host.wait_phase("after", "running")
        self.host.delete("machine", "after")

    def open_intents(self):
        with open(f"{ROOT}/state/ledger/ledger.log", encoding="ascii") as file:
            entries = [json.loads(line.split("\t")[0]) for line in file]
        closed = {e["of"] for e in entries if e["phase"] == "outcome"}
        return [e for e in entries if e["phase"] == "intent" and e["seq"] not in closed]

    def ask(self, name):
        """Whether the wish was acknowledged; a refusal says why."""
        done = self.host.run("apply", "-f", "-", input=json.dumps(secret(name)), check=False)
        if done.returncode == 0:
            self.kept.add(name)
        return done

    # -- disk
    def fill(self):
        with open(f"{ROOT}/filler", "wb") as file:
            for chunk in (1 << 24, 1 << 20, 1 << 12):
                try:
                    while True:
                        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, chunk)
                except OSError:
                    pass

    def test_disk_full(self):
        filler = pathlib.Path(ROOT, "filler")
        self.fill()
        refused = None
        for number in range(2000):
            done = self.ask(f"full-{number}")
            if done.returncode != 0:
                refused = done
                break
        self.assertIsNotNone(refused, "the disk never was full")
        self.assertRegex(refused.stderr, "space|full")
        # It still answers, the guest still runs, and a second refusal is like the first.
        self.assertEqual(self.host.get("machine", "guest")["status"]["phase"], "running")
        self.assertNotEqual(self.ask("full-again").returncode, 0)
        self.host.run("machine", "exec", "guest", "--", "true", check=False)
        # It dies and comes back on the full disk: the guest runs on, and nobody is told a lie.
        os.kill(self.host.pid_of("bridled"), signal.SIGKILL)
        time.sleep(3)
        # (The probe of KVM may have a QEMU of its own.)
        self.assertIn([self.guest], host.qemu_processes(ROOT).values())
        filler.unlink()
        self.host.wait_up(60)

    def test_disk_full_for_a_while(self):
        """Nobody restarts anything: what the ledger could not take is written when it can."""
        self.fill()
        for number in range(20):
            self.ask(f"while-{number}")
            self.host.run("machine", "exec", "guest", "--", "true", check=False)
        pathlib.Path(ROOT, "filler").unlink()

    # -- descriptors
    def limit(self, pid, kind, value):
        """Under its own uid: a root without CAP_SYS_RESOURCE may not limit others."""
        uid = os.stat(f"/proc/{pid}").st_uid

        def set_soft(soft):
            subprocess.run(["prlimit", f"--pid={pid}", f"--{kind}={soft}:"], check=True, user=uid, group=uid,
                           extra_groups=[])
        soft = subprocess.run(["prlimit", f"--pid={pid}", f"--{kind}", "--output=SOFT", "--noheadings"], check=True,
                              user=uid, group=uid, extra_groups=[], capture_output=True, text=True).stdout.strip()
        set_soft(value)
        return lambda: set_soft(soft)

    def test_descriptors_of_the_daemon(self):
        daemon = self.host.pid_of("bridled")
        restore = self.limit(daemon, "nofile", len(os.listdir(f"/proc/{daemon}/fd")) + 6)
        connections = []
        for _ in range(40):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(f"{ROOT}/run/bridled.sock")
            connections.append(connection)
        time.sleep(1)
        busy = cpu(daemon)
        time.sleep(2)
        self.assertLess(cpu(daemon) - busy, 1.0, "seconds of CPU in two: it turns in place")
        for connection in connections:
            connection.close()
        # Few are enough for one caller.
        wait_for(lambda: self.ask("few").returncode == 0, 30, "a caller is served")
        # A guest needs more than there are: its start fails, and is tried again when there are.
        restore()
        self.assertEqual(self.host.pid_of("bridled"), daemon)

    def test_descriptors_of_the_jail(self):
        jail = self.host.pid_of("bridle-jail")
        restore = self.limit(jail, "nofile", len(os.listdir(f"/proc/{jail}/fd")) + 3)
        self.host.apply(self.host.machine("starved"))
        wait_for(lambda: (self.host.get("machine", "starved")["status"].get("message") or "") != "", 60,
                 "somebody says why it does not start", lambda: self.host.get("machine", "starved")["status"])
        self.assertNotEqual(self.host.phase("starved"), "running")
        restore()
        self.host.run("machine", "stop", "starved", check=False)
        self.host.run("machine", "start", "starved")
        self.host.wait_phase("starved", "running")
        self.host.delete("machine", "starved")

    # -- memory
    def test_memory_of_the_daemon(self):
        daemon = self.host.pid_of("bridled")
        size = int(host.status_of(daemon)["VmSize"].split()[0]) * 1024
        self.limit(daemon, "as", size)
        for number in range(300):
            self.ask(f"memory-{number}")
            if self.host.pid_of("bridled") != daemon:
                break
        # It refused, or ended and was started again with all that it had acknowledged.
        if self.host.pid_of("bridled") == daemon:
            os.kill(daemon, signal.SIGKILL)
        self.host.wait_up(60)

    def test_memory_of_the_jail(self):
        jail = self.host.pid_of("bridle-jail")
        size = int(host.status_of(jail)["VmSize"].split()[0]) * 1024
        self.limit(jail, "as", size)
        self.host.apply(self.host.machine("starved"))
        time.sleep(5)
        if self.host.pid_of("bridle-jail") == jail:
            os.kill(jail, signal.SIGKILL)
        self.host.wait_phase("starved", "running")
        self.host.delete("machine", "starved")

    # -- clock
    def jump(self, seconds):
        with open(CLOCK, "r+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    def test_clock_jumps(self):
        year = 365 * 24 * 3600
        for number, seconds in enumerate((10 * year, -10 * year, 3600, -3600, 0)):
            self.jump(seconds)
            self.assertEqual(self.ask(f"clock-{number}").returncode, 0)
            made = self.host.get("secret", f"clock-{number}")["metadata"]["created"]
            self.assertEqual(int(made[:4]), time.gmtime(time.time() + seconds).tm_year, made)
            self.host.wait_ready("guest")
            self.host.apply(self.host.machine("jumper", stopTimeout="2s"))
            self.host.wait_phase("jumper", "running")
            self.host.delete("machine", "jumper")
            os.kill(self.host.pid_of("bridled"), signal.SIGKILL)
            self.host.wait_up(60)
            self.assertIn("intact", self.host.run("ledger", "verify").stdout)


def cpu(pid):
    """Seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main(verbosity=2)
