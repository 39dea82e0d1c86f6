#!/usr/bin/env python3
"""A converter that a hostile file took over reaches nothing of the host: on a host of its own, started as
always, with bridle-image-helper alone swapped for a program that tries everything in reach."""
import json
import os
import pathlib
import re
import shutil
import socket
import tempfile
import unittest

import host
from host import Host

ROOT = "/tmp/bridle-taken-over"
PROGRAMS = ("bridle", "bridled", "bridle-jail", "bridle-supervise")


class TakenOver(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bt-taken-over-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.real = host.BIN
        for name in PROGRAMS:
            shutil.copy(self.real / name, self.folder / name)
        stand_in = self.folder / "bridle-image-helper"
        shutil.copy(pathlib.Path(__file__).parent / "taken_over.py", stand_in)
        stand_in.chmod(0o755)
        host.BIN = self.folder
        self.host = Host(ROOT, "lab")
        if os.path.exists(ROOT):
            self.host.end()
        self.host.start()
        self.port = socket.create_server(("127.0.0.1", 0))

    def tearDown(self):
        self.port.close()
        self.host.end()
        host.BIN = self.real
        shutil.rmtree(self.folder)

    def tries(self):
        found = [("read", "/etc/shadow"), ("read", "/etc/passwd"), ("list", "/"), ("list", "/root"), ("list", "/home"),
                 ("write", "/usr/bin/bridle"), ("create", "/usr"), ("create", "/"), ("read", "/dev/vda"),
                 ("read", "/dev/kmsg"), ("write", "/proc/sys/kernel/core_pattern"), ("write-upload", ""),
                 ("reach", str(self.port.getsockname()[1])), ("list", "/proc/1/root/etc"), ("list", "/proc/1/cwd/tmp/bt")]
        found.remove(("list", "/"))  # its own, and empty of the host's
        for top, _, names in os.walk(ROOT):
            found += [("list", top), ("create", top)]
            for name in names:
                path = f"{top}/{name}"
                found += [("connect", path)] if path.endswith(".sock") else [("read", path), ("write", path)]
        for path in (str(self.folder), "/tmp/bt-none"):
            found.append(("list", path))
        for pid, _ in self.host.processes():
            found += [("signal", str(pid)), ("read", f"/proc/{pid}/mem"), ("list", f"/proc/{pid}/fd"),
                      ("list", f"/proc/{pid}/root")]
        found += [("descriptor", str(number)) for number in range(3, 400)]
        return found

    def test_it_reaches_nothing(self):
        tries = self.tries()
        self.assertGreater(sum(ROOT in str(target) for _, target in tries), 30)
        upload = self.folder / "tries"
        upload.write_text(json.dumps(tries), encoding="utf-8")
        done = self.host.run("image", "import", upload, "--name", "x", "--format", "raw", "--no-progress", check=False)
        self.assertNotEqual(done.returncode, 0, done.stderr)
        said = re.search(r"\{.*\}", done.stderr)
        self.assertTrue(said, done.stderr)
        outcome = json.loads(said[0])
        print(f"\ntried {outcome['tried']}, refused: {outcome['refused']}")
        self.assertEqual(outcome["tried"], len(tries))
        self.assertEqual(outcome["opened"], [])
        self.assertEqual(sum(outcome["refused"].values()), len(tries))
        self.assertEqual(os.listdir(f"{ROOT}/volumes/uploads"), [])
        self.assertEqual(self.host.run("version").returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
