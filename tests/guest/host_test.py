#!/usr/bin/env python3
"""A host of its own is drained, resumed, and ended by SIGTERM with --stop-guests; its machines stop and
start in their order, and a bridled that is killed meanwhile goes on with it."""
import json
import os
import signal
import subprocess
import unittest

import host
from host import Host, wait_for

ROOT = "/tmp/bt-host-order"


class Order(unittest.TestCase):
    def setUp(self):
        self.host = Host(ROOT, "shared")
        if os.path.exists(ROOT):
            self.host.end()
        # The images of the shared host: no build here.
        os.makedirs(f"{ROOT}/images", exist_ok=True)

    def tearDown(self):
        self.host.end()
        self.supervisor.wait(20)

    def start(self, *flags):
        with open(f"{ROOT}/supervise.log", "ab") as log:
            self.supervisor = subprocess.Popen(
                [host.BIN / "bridle-supervise", "--root", ROOT, *flags], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        self.host.wait_up()

    def running(self):
        """Machines that have a QEMU; the guest that probes KVM is none."""
        return self.uids & set(host.qemu_processes(ROOT))

    def reasons(self, name):
        """What the journal says of a machine, oldest first: (time, reason)."""
        events = json.loads(self.host.run("get", "events", "-A", "-o", "json").stdout)
        events = events["items"] if isinstance(events, dict) else events
        found = [(e["metadata"]["created"], e["spec"]["reason"]) for e in events
                 if e["spec"]["object"]["name"] == name]
        return sorted(found)

    def last(self, name, reason):
        times = [at for at, what in self.reasons(name) if what == reason]
        self.assertTrue(times, f"{name} never was {reason}: {self.reasons(name)}")
        return times[-1]

    def test_order(self):
        self.start("--stop-guests")
        self.host.run("image", "build", "tiny", "--no-progress", timeout=900)
        names = {"db": 1, "app": 2}
        for name, order in names.items():
            self.host.apply(self.host.machine(name, autostart={"order": order, "delay": "1s"}))
        for name in names:
            self.host.wait_ready(name)
        self.uids = {self.host.get("machine", name)["metadata"]["uid"] for name in names}
        self.assertEqual(self.running(), self.uids)

        self.host.run("host", "drain", timeout=200)
        self.assertEqual(self.running(), set())
        self.assertLess(self.last("app", "HostDraining"), self.last("db", "HostDraining"))
        self.assertEqual(self.host.get("machine", "db")["status"]["lastExit"], "exit 0", "powered off, not killed")
        bridled = self.host.pid_of("bridled")
        os.kill(bridled, signal.SIGKILL)
        wait_for(lambda: self.host.pid_of("bridled") not in (None, bridled), 20, "bridled is back")
        self.host.wait_up()
        self.assertEqual(self.running(), set(), "a drain outlives bridled")

        self.host.run("host", "resume")
        for name in names:
            self.host.wait_ready(name)
        self.assertLess(self.last("db", "Running"), self.last("app", "Running"))

        os.kill(self.supervisor.pid, signal.SIGTERM)
        self.supervisor.wait(200)
        self.assertEqual(self.running(), set(), "SIGTERM stopped the guests first")
        self.start()
        for name in names:
            self.host.wait_phase(name, "running")
        self.assertEqual(self.host.list("host")[0]["spec"]["guests"], "run", "the shutdown is over")
        self.assertLess(self.last("db", "Running"), self.last("app", "Running"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
