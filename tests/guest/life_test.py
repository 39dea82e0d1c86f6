#!/usr/bin/env python3
"""A guest's whole life, as an operator lives it: define, start, console, agent, pause, resume, reset,
stop by ACPI, delete; and what a killed QEMU leads to under each restart policy."""
import os
import signal
import subprocess
import time
import unittest

import host
from host import Host, wait_for

HOST = Host()


class Life(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[:40]
        HOST.delete("machine", self.name)

    def tearDown(self):
        HOST.delete("machine", self.name)

    def pid(self):
        return HOST.get("machine", self.name)["status"].get("pid")

    def test_whole_life(self):
        HOST.apply(HOST.machine(self.name, power="stopped"))
        wait_for(lambda: HOST.phase(self.name) == "defined", 20, "defined")
        status = HOST.get("machine", self.name)["status"]
        self.assertTrue(status["pinned"]["machineType"].startswith("pc-i440fx-10."))
        HOST.run("machine", "start", self.name, "--wait")
        HOST.wait_ready(self.name)
        self.assertEqual(HOST.run("machine", "exec", self.name, "--", "uname", "-s").stdout.strip(), "Linux")
        self.compute_on_console()
        pinned = HOST.get("machine", self.name)["status"]["pinned"]

        HOST.run("machine", "pause", self.name, "--wait")
        self.assertEqual(HOST.phase(self.name), "paused")
        HOST.run("machine", "resume", self.name, "--wait")
        HOST.wait_ready(self.name, 20)

        uptime = self.uptime()
        HOST.run("machine", "reset", self.name, "--wait")
        wait_for(lambda: (self.uptime() or 1e9) < uptime + 5, 120, "the guest booted again")

        boot = HOST.get("machine", self.name)["status"]["boot"]
        HOST.run("machine", "stop", self.name, "--wait")
        status = HOST.get("machine", self.name)["status"]
        self.assertEqual(status["phase"], "defined", status)
        self.assertEqual(status["lastExit"], "exit 0", "ACPI power-off ends QEMU by itself")
        HOST.run("machine", "start", self.name, "--wait")
        status = HOST.get("machine", self.name)["status"]
        self.assertGreater(status["boot"], boot)
        self.assertEqual(status["pinned"], pinned, "the guest sees the same hardware again")
        HOST.run("delete", "machine", self.name, "--wait")
        self.assertIsNone(HOST.get("machine", self.name))
        self.assertFalse(os.path.exists(f"/proc/{status['pid']}"))

    def uptime(self):
        done = HOST.run("machine", "exec", self.name, "--", "cat", "/proc/uptime", check=False)
        return float(done.stdout.split()[0]) if done.returncode == 0 else None

    def compute_on_console(self):
        script = os.path.join(os.path.dirname(__file__), "console_compute")
        subprocess.run([script, host.BIN / "bridle", HOST.root, HOST.project, self.name, "60"], check=True)

    def test_killed_on_failure(self):
        HOST.apply(HOST.machine(self.name, restart="on-failure"))
        HOST.wait_phase(self.name, "running")
        old = self.pid()
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: HOST.phase(self.name) != "running" or self.pid() != old, 1.5, "seen within a second or so")
        wait_for(lambda: HOST.phase(self.name) == "running" and self.pid() != old, 60, "restarted")
        status = HOST.get("machine", self.name)["status"]
        self.assertEqual(status["restarts"], 1)
        self.assertEqual(status["lastExit"], "signal 9")

    def test_killed_never(self):
        HOST.apply(HOST.machine(self.name, restart="never"))
        HOST.wait_phase(self.name, "running")
        os.kill(self.pid(), signal.SIGKILL)
        HOST.wait_phase(self.name, "failed", 10)
        time.sleep(2)
        self.assertEqual(HOST.phase(self.name), "failed")
        HOST.run("machine", "start", self.name, check=False)

    def test_forced_stop_of_a_deaf_guest(self):
        HOST.apply(HOST.machine(self.name, kernelArguments="init=/bin/false panic=0", stopTimeout="3s"))
        HOST.wait_phase(self.name, "running")
        HOST.run("machine", "stop", self.name, "--wait")
        self.assertEqual(HOST.get("machine", self.name)["status"]["lastExit"], "signal 9")


if __name__ == "__main__":
    unittest.main(verbosity=2)
