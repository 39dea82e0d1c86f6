#!/usr/bin/env python3
"""bridle up, selftest and down under a root of their own, without systemd: from nothing to nothing."""
import glob
import json
import os
import subprocess
import unittest

import host
from host import Host

ROOT = "/tmp/bt-lab"


def bridle(*words, timeout=600):
    return subprocess.run([host.BIN / "bridle", "--root", ROOT, "--no-progress", *words], timeout=timeout,
                          capture_output=True, text=True, check=False)


class Lab(unittest.TestCase):
    def setUp(self):
        if os.path.exists(ROOT):
            Host(ROOT).end()
        if os.path.exists(f"{ROOT}.before"):
            os.unlink(f"{ROOT}.before")
        self.addCleanup(lambda: os.path.exists(ROOT) and Host(ROOT).end())

    def must(self, *words):
        done = bridle(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def left(self):
        group = subprocess.run([host.BIN / "bridle-jail", "--root", ROOT, "--cgroup"], check=True,
                               capture_output=True, text=True).stdout.strip()
        processes = [pid for pid in os.listdir("/proc") if pid.isdigit()
                     and any(ROOT in word for word in host.cmdline(pid))]
        with open("/proc/self/mounts", encoding="utf-8") as file:
            mounts = [line for line in file if f" {ROOT}" in line]
        return (processes, glob.glob(f"{ROOT}*"), glob.glob(f"/sys/fs/cgroup/{group}")
                + glob.glob(f"/sys/fs/cgroup/*/{group}"), mounts)

    def test_from_nothing_to_nothing(self):
        self.must("up", "--guests", "2")
        here = Host(ROOT, "lab")
        before = host.qemu_processes(ROOT)
        self.assertEqual([m["status"]["phase"] for m in here.list("machine")], ["running"] * 2)
        self.assertIn("runs already", self.must("up", "--guests", "2"))
        self.assertEqual(host.qemu_processes(ROOT), before, "asked again, it changes nothing")

        proof = json.loads(self.must("selftest", "--json"))
        self.assertTrue(proof["ok"], proof)
        self.assertEqual([r["name"] for r in proof["results"]],
                         ["image", "boot", "console", "exec", "kill-qemu", "kill-bridled", "ledger", "delete"])
        self.assertTrue(all(r["ok"] and r["value"] >= 0 for r in proof["results"]), proof)

        # What it did not make and cannot remove, it names.
        stranger = subprocess.Popen(["bash", "-c", f'exec -a "stranger {ROOT}/run/g/x" sleep 600'])
        try:
            refused = bridle("down", "--purge")
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn("process of a guest", refused.stderr)
        finally:
            stranger.kill()
            stranger.wait()
        self.assertIn("nothing is left", self.must("down", "--purge"))
        self.assertEqual(self.left(), ([], [], [], []))

    def test_selftest_of_nothing_fails(self):
        done = bridle("selftest")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bridle up", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
