#!/usr/bin/env python3
"""An image part that was changed on disk refuses to start a guest, though size and modification time
are as before; put back, it starts again."""
import os
import unittest

from host import Host, wait_for

HOST = Host(project="tamper")


class Tamper(unittest.TestCase):
    NAME = "victim"

    def setUp(self):
        HOST.delete("machine", self.NAME)
        image = Host(project="shared").get("image", "tiny")
        self.part = f"{HOST.root}/images/parts/{image['status']['initrd']['digest']}"
        with open(self.part, "rb") as file:
            self.original = file.read()
        self.times = os.stat(self.part)

    def tearDown(self):
        self.write(self.original)
        HOST.delete("machine", self.NAME)

    def write(self, content):
        os.chmod(self.part, 0o644)
        with open(self.part, "r+b") as file:
            file.write(content)
        os.chmod(self.part, 0o444)
        os.utime(self.part, ns=(self.times.st_atime_ns, self.times.st_mtime_ns))

    def test_changed_image_is_refused_and_said_so(self):
        middle = len(self.original) // 2
        self.write(self.original[:middle] + bytes([self.original[middle] ^ 1]) + self.original[middle + 1:])
        self.assertEqual(os.stat(self.part).st_mtime_ns, self.times.st_mtime_ns)
        HOST.apply(HOST.machine(self.NAME, restart="never"))
        wait_for(lambda: HOST.phase(self.NAME) == "failed", 30, "refused")
        status = HOST.get("machine", self.NAME)["status"]
        self.assertIn("digest", status["message"], status)
        self.assertEqual(status.get("pid", 0), 0)
        self.write(self.original)
        HOST.run("machine", "stop", self.NAME, "--wait", check=False)
        HOST.run("machine", "start", self.NAME, "--wait")


if __name__ == "__main__":
    unittest.main(verbosity=2)
