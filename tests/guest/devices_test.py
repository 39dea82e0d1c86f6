#!/usr/bin/env python3
"""What changes under a running guest: volumes grow, disk limits hold, the balloon gives memory back and
says what the guest uses."""
import json
import os
import signal
import subprocess
import time
import unittest

from host import Host, wait_for

HOST = Host()
MIB = 1 << 20


class Devices(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[:40].rstrip("-")
        HOST.delete("machine", self.name)
        HOST.delete("volume", self.name)

    tearDown = setUp

    def start(self, volume_format="qcow2", **spec):
        HOST.run("volume", "create", self.name, "--format", volume_format, "--size", "64MiB", "--wait")
        self.machine = HOST.machine(self.name, disks=[{"name": "data", "volume": self.name}], **spec)
        HOST.apply(self.machine)
        HOST.wait_ready(self.name)

    def change(self, **spec):
        self.machine["spec"].update(spec)
        HOST.apply(self.machine)

    def guest(self, command, **options):
        return HOST.run("machine", "exec", self.name, "--timeout", "60s", "--", "sh", "-c", command, **options).stdout

    def sectors(self):
        return int(self.guest("cat /sys/block/vda/size"))

    def test_a_volume_grows_online_and_offline(self):
        self.start("raw")
        self.assertEqual(self.sectors(), 64 * MIB // 512)
        boot = HOST.get("machine", self.name)["status"]["boot"]
        HOST.run("volume", "resize", self.name, "96MiB", "--wait")
        wait_for(lambda: self.sectors() == 96 * MIB // 512, 20, "the guest sees the new size")
        self.assertEqual(HOST.get("machine", self.name)["status"]["boot"], boot, "without a restart")
        shrunk = HOST.run("volume", "resize", self.name, "32MiB", check=False)
        self.assertNotEqual(shrunk.returncode, 0)
        self.assertIn("may only grow", shrunk.stderr)
        HOST.run("machine", "stop", self.name, "--wait", "--force")
        HOST.run("volume", "resize", self.name, "128MiB", "--wait")
        path = HOST.get("volume", self.name)["status"]["path"]
        self.assertEqual(os.stat(f"{HOST.root}/volumes/{path}").st_size, 128 * MIB)

    def write_and_read(self, mebibyte):
        """Whether the guest gets back what it wrote there, past its cache and through a flush."""
        return "the same" in self.guest(
            f"head -c {MIB} /dev/urandom > /tmp/sent && dd if=/tmp/sent of=/dev/vda bs=1M seek={mebibyte} conv=fsync "
            "&& echo 3 > /proc/sys/vm/drop_caches "
            f"&& dd if=/dev/vda of=/tmp/got bs=1M skip={mebibyte} count=1 && cmp /tmp/sent /tmp/got && echo the same")

    def grow_and_use(self, volume_format):
        """Grown twice without a restart, the second time by a jail and a bridled that have adopted the guest:
        the bound of QEMU's files is raised each time, or the last MiB could not be written."""
        self.start(volume_format)
        boot = HOST.get("machine", self.name)["status"]["boot"]
        for size in (96, 4096):
            HOST.run("volume", "resize", self.name, f"{size}MiB", "--wait")
            wait_for(lambda wanted=size: self.sectors() == wanted * MIB // 512, 20, "the guest sees the new size",
                     self.sectors)
            self.assertTrue(self.write_and_read(size - 1), f"the last MiB of {size}")
            for program in ("bridle-jail", "bridled"):
                os.kill(HOST.pid_of(program), signal.SIGKILL)
            HOST.wait_up()
            HOST.wait_ready(self.name)
        self.assertTrue(self.write_and_read(0), "the old part")
        self.assertEqual(HOST.get("machine", self.name)["status"]["boot"], boot, "without a restart")
        HOST.run("machine", "stop", self.name, "--wait", "--force")
        path = f"{HOST.root}/volumes/" + HOST.get("volume", self.name)["status"]["path"]
        info = subprocess.run(["qemu-img", "info", "--output=json", path], capture_output=True, check=True)
        self.assertEqual(json.loads(info.stdout)["virtual-size"], 4096 * MIB)

    def test_grown_raw_is_written_to(self):
        self.grow_and_use("raw")

    def test_grown_qcow2_is_written_to(self):
        self.grow_and_use("qcow2")

    def test_disk_limits_change_while_it_runs(self):
        self.start()
        write = "dd if=/dev/zero of=/dev/vda bs=64k count=64 conv=fsync 2>/dev/null; echo done"
        self.assertIn("done", self.guest(write))
        self.change(resources={"disk": {"writeBytesPerSecond": "256KiB"}})
        time.sleep(1)
        begin = time.monotonic()
        self.assertIn("done", self.guest(write))
        # 4 MiB at 256 KiB/s take 16 s, less what may go at once (a whole request); never less.
        self.assertGreater(time.monotonic() - begin, 5)
        self.assertNotIn("apply the changed", HOST.get("machine", self.name)["status"].get("message", ""))

    def memory(self):
        """What the guest could have: with deflate-on-oom its MemTotal counts the balloon's pages too."""
        lines = self.guest("cat /proc/meminfo").splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) << 10

    def test_the_balloon_takes_memory_and_gives_it_back(self):
        self.start()
        before = self.memory()
        self.change(memoryTarget="96MiB")
        wait_for(lambda: self.memory() <= before - 24 * MIB, 30, "the balloon grew",
                 lambda: (before, self.memory()))

        def used():
            return HOST.get("machine", self.name)["status"].get("usage", {})

        wait_for(lambda: used().get("balloonBytes") == 96 * MIB and used().get("guestAvailableBytes", 0) > 0,
                 60, "the status says so", used)
        self.assertLess(used()["guestFreeBytes"], used()["guestTotalBytes"])
        del self.machine["spec"]["memoryTarget"]
        HOST.apply(self.machine)
        wait_for(lambda: self.memory() >= before - 8 * MIB, 30, "it got all back",
                 lambda: (before, self.memory()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
