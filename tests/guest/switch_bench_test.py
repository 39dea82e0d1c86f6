#!/usr/bin/env python3
"""`bridle bench switch --quick --json`: the shape of what it says, not its figures; and that nothing of it
is left, however it ends."""
import glob
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from host import BIN, SHARED_ROOT, wait_for

POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
COMMAND = [BIN / "bridle", "--root", SHARED_ROOT, "bench", "switch", "--quick", "--json"]
QUICK = ["l2_64", "l2_1500", "idle_ports", "idle", "wake", "restart_gap", "noisy"]


def huge_pages():
    with open(POOL, encoding="ascii") as file:
        return int(file.read())


def folders():
    return set(glob.glob("/tmp/bridle-bench-switch-*"))


def users_of(folder):
    """Processes that have the folder in their command line."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if folder.encode() in file.read():
                    found.append(path)
        except OSError:
            pass  # it ended
    return found


class SwitchBench(unittest.TestCase):
    def setUp(self):
        self.before = (huge_pages(), folders())

    def tearDown(self):
        """Whatever happened; others may have given pages back, or ended, meanwhile."""
        pages, there = self.before
        wait_for(lambda: huge_pages() <= pages and folders() <= there, 20, "nothing is left")

    def run_it(self, command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def check_result(self, result):
        for key in ("name", "unit", "value", "low", "high", "samples", "target", "ok"):
            self.assertIn(key, result)
        self.assertLessEqual(result["low"], result["value"])
        self.assertLessEqual(result["value"], result["high"])
        self.assertGreaterEqual(len(result["samples"]), 2)
        if "peer" in result:
            self.assertEqual(len(result["peer_samples"]), len(result["samples"]))
            self.assertIsInstance(result["ratio"], (int, float))  # of a cost: about 0, or less
        if result["name"].startswith("l2_"):
            self.assertGreaterEqual(len(result["samples"]), 5)
            self.assertGreater(result["value"], 0)
            self.assertGreater(result["cycles"], 0)

    def test_shape(self):
        report = self.run_it(COMMAND)
        self.assertEqual((report["bench"], report["engine"] in ("tcg", "kvm")), ("switch", True))
        for key in ("cpu", "cpus", "kernel", "huge_pages_mb", "tsc_hz", "versions"):
            self.assertIn(key, report["host"])
        self.assertEqual(list(dict.fromkeys(r["name"] for r in report["results"])), QUICK)
        for result in report["results"]:
            with self.subTest(result["name"]):
                self.check_result(result)
        peers = {r.get("peer") for r in report["results"] if r["name"] == "l2_64"}
        self.assertEqual("testpmd io" in peers, shutil.which("dpdk-testpmd") is not None)

    def test_without_huge_pages(self):
        report = self.run_it([BIN / "bridle-bench-switch", "--root", SHARED_ROOT, "--quick", "--json",
                              "--no-huge", "--only", "l2_64"])
        self.assertEqual(report["host"]["huge_pages_mb"], 0)
        self.assertEqual({r["name"] for r in report["results"]}, {"l2_64"})
        self.assertNotIn("OVS-DPDK", {r.get("peer") for r in report["results"]})
        for result in report["results"]:
            self.check_result(result)

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                child = subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                wait_for(lambda: folders() - self.before[1], 30, "its folder is there")
                mine = (folders() - self.before[1]).pop()
                wait_for(lambda: os.path.exists(f"{mine}/generator.log"), 30, "the generator runs")
                time.sleep(1)
                child.send_signal(number)
                self.assertNotEqual(child.wait(30), 0)
                self.assertEqual(users_of(mine), [])
                self.assertFalse(os.path.exists(mine))

    def test_killed(self):
        """Then nobody cleans up, but its programs end with it."""
        child = subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: folders() - self.before[1], 30, "its folder is there")
        mine = (folders() - self.before[1]).pop()
        wait_for(lambda: os.path.exists(f"{mine}/generator.log"), 30, "the generator runs")
        child.kill()
        child.wait()
        wait_for(lambda: users_of(mine) == [], 10, "its programs end")
        shutil.rmtree(mine)
        with open(POOL, "w", encoding="ascii") as file:
            file.write(str(self.before[0]))

    def test_list(self):
        done = subprocess.run([BIN / "bridle-bench-switch", "--list"], capture_output=True, text=True,
                              check=True)
        self.assertEqual(done.stdout.split(), [*QUICK, "bulk"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
