#!/usr/bin/env python3
"""What a running guest's QEMU, its attendant and bridled may touch, read from the live host."""
import os
import unittest

import host
from host import Host, status_of

HOST = Host(project="confined")


class Confinement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        HOST.delete("machine", "one")
        HOST.delete("machine", "two")
        HOST.apply(HOST.machine("one", interfaces=[{"name": "net0", "network": "default"}]), HOST.machine("two"))
        HOST.wait_phase("one", "running")
        HOST.wait_phase("two", "running")
        cls.one, cls.two = (HOST.get("machine", n)["status"]["pid"] for n in ("one", "two"))

    @classmethod
    def tearDownClass(cls):
        HOST.delete("machine", "one")
        HOST.delete("machine", "two")

    def test_qemu_has_a_uid_of_its_own_and_no_privilege(self):
        one, two, me = status_of(self.one), status_of(self.two), status_of(os.getpid())
        uids = {status["Uid"].split()[0] for status in (one, two, me)}
        self.assertEqual(len(uids), 3, "each guest and root have different uids")
        for status in (one, two):
            self.assertEqual(len(set(status["Uid"].split())), 1)
            for capabilities in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[capabilities], 16), 0, capabilities)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")
            self.assertEqual(status["Groups"].split(), [])

    def test_qemu_has_namespaces_of_its_own(self):
        for kind in ("pid", "net", "ipc", "uts", "mnt"):
            inodes = {os.stat(f"/proc/{pid}/ns/{kind}").st_ino for pid in (self.one, self.two, os.getpid())}
            self.assertEqual(len(inodes), 3, kind)

    def test_network_namespace_is_empty(self):
        with open(f"/proc/{self.one}/net/dev", encoding="utf-8") as file:
            names = [line.split(":")[0].strip() for line in file if ":" in line]
        self.assertEqual(names, ["lo"])

    def test_root_holds_no_file_of_the_host(self):
        root = f"/proc/{self.one}/root"
        self.assertFalse(os.path.exists(f"{root}/root"))
        self.assertFalse(os.path.exists(f"{root}/home"))
        self.assertFalse(os.path.exists(f"{root}{HOST.root}"))
        self.assertFalse(os.path.exists(f"{root}/proc/1"))
        with open(f"/proc/{self.one}/mounts", encoding="utf-8") as file:
            for line in file:
                _, where, _, options = line.split()[:4]
                if not where.startswith("/dev"):
                    self.assertIn("ro", options.split(","), line)

    def test_cgroups_are_outside_bridled(self):
        bridled = HOST.pid_of("bridled")
        with open(f"/proc/{self.one}/cgroup", encoding="utf-8") as file:
            guest = [line for line in file if "memory" in line or line.startswith("0::")]
        self.assertTrue(any("bridle-" in line for line in guest), guest)
        with open(f"/proc/{bridled}/cgroup", encoding="utf-8") as file:
            self.assertFalse(any("bridle-" in line and "/one" in line for line in file))

    def test_bridled_and_attendants_have_no_capability(self):
        jail = HOST.pid_of("bridle-jail")
        seen = set()
        for pid, name in HOST.processes():
            if name == "bridle-supervise" or pid == jail:
                continue
            status = status_of(pid)
            self.assertEqual(int(status["CapEff"], 16), 0, name)
            self.assertEqual(status["NoNewPrivs"], "1", name)
            self.assertNotEqual(status["Uid"].split()[0], "0", name)
            seen.add(name)
        self.assertEqual(seen, {"bridled", "bridle-jail"})  # the latter: attendants

    def test_links_are_down_until_the_switch_exists(self):
        HOST.wait_ready("one")
        carrier = HOST.run("machine", "exec", "one", "--", "sh", "-c",
                           "ip link set eth0 up; sleep 1; cat /sys/class/net/eth0/carrier").stdout.strip()
        self.assertEqual(carrier, "0")


if __name__ == "__main__":
    unittest.main(verbosity=2)
