#!/usr/bin/env python3
"""The screen of a guest: a picture of it, a viewer's connection to it, and nobody else's."""
import os
import socket
import stat
import subprocess
import tempfile
import unittest
import zlib

import host
from host import Host, wait_for

HOST = Host()


def pixels(png):
    """The inflated lines of a PNG, and its width and height."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n", png[:16]
    at, data, size = 8, b"", None
    while at < len(png):
        length, kind = int.from_bytes(png[at:at + 4], "big"), png[at + 4:at + 8]
        body = png[at + 8:at + 8 + length]
        if kind == b"IHDR":
            size = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        if kind == b"IDAT":
            data += body
        at += 12 + length
    return zlib.decompress(data), size


def exactly(link, count):
    got = b""
    while len(got) < count:
        more = link.recv(count - len(got))
        assert more, f"the stream ended after {got!r}"
        got += more
    return got


class Screen(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[:40].rstrip("-")
        HOST.delete("machine", self.name)

    tearDown = setUp

    def boot(self, **spec):
        HOST.apply(HOST.machine(self.name, **spec))
        HOST.wait_ready(self.name)

    def test_a_picture_shows_what_the_guest_wrote(self):
        self.boot(display="vga")
        with tempfile.TemporaryDirectory() as folder:
            def picture():
                path = f"{folder}/screen.png"
                HOST.run("machine", "screen", self.name, "--png", path, "--reason", "ticket 9")
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
                with open(path, "rb") as file:
                    return pixels(file.read())

            before, size = picture()
            self.assertGreaterEqual(size[0], 640)
            HOST.run("machine", "exec", self.name, "--", "sh", "-c",
                     "i=0; while [ $i -lt 30 ]; do echo $i bridle bridle bridle > /dev/tty1; i=$((i+1)); done")
            wait_for(lambda: picture()[0] != before, 20, "the picture changes")
        entries = [line for line in HOST.run("ledger", "list", "-o", "json").stdout.splitlines()
                   if "ticket 9" in line]
        self.assertTrue(entries, "who took a picture stands in the ledger, with his reason")

    def test_a_viewer_sees_and_nothing_listens(self):
        self.boot(display="vga")
        with subprocess.Popen([host.BIN / "bridle", "--root", HOST.root, "-p", HOST.project, "machine",
                               "vnc", self.name, "--once", "--reason", "tests"], stdout=subprocess.PIPE, text=True) as viewer:
            path = viewer.stdout.readline().split("vncviewer ")[1].strip()
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(30)
                link.connect(path)
                self.assertEqual(exactly(link, 12), b"RFB 003.008\n")
                link.sendall(b"RFB 003.008\n")
                self.assertEqual(exactly(link, 2), b"\x01\x01", "no authentication is left")
                link.sendall(b"\x01")
                self.assertEqual(exactly(link, 4), bytes(4))
                link.sendall(b"\x01")
                width, height = (int.from_bytes(exactly(link, 2), "big") for _ in range(2))
                self.assertGreaterEqual(width, 640)
                exactly(link, 16)
                exactly(link, int.from_bytes(exactly(link, 4), "big"))
                link.sendall(b"\x02\x00\x00\x01" + bytes(4))  # raw pixels
                link.sendall(b"\x03\x00" + bytes(4) + width.to_bytes(2, "big") + height.to_bytes(2, "big"))
                self.assertEqual(exactly(link, 1), b"\x00", "a part of the screen comes")
            viewer.wait(20)
            self.assertEqual(viewer.returncode, 0)
        self.assertFalse(os.path.exists(path))
        (pid,) = [p for u, pids in host.qemu_processes(HOST.root).items() for p in pids
                  if u == HOST.get("machine", self.name)["metadata"]["uid"]]
        names = host.cmdline(pid)
        self.assertEqual(names[names.index("-vnc") + 1], "none")

    def test_a_guest_without_a_display_has_no_screen(self):
        self.boot()
        for command in (["screen", self.name, "--png", "/dev/null"], ["vnc", self.name]):
            refused = HOST.run("machine", *command, check=False, timeout=30)
            self.assertEqual(refused.returncode, 5, refused.stderr)
            self.assertIn("spec.display", refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
