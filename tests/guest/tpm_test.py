#!/usr/bin/env python3
"""A TPM of a guest's own: the guest sees it, its state survives a stop, is encrypted, belongs to nobody
else, and goes with the machine."""
import os
import unittest

import host
from host import Host, wait_for

HOST = Host()
PCR = "/sys/class/tpm/tpm0/pcr-sha256/16"


class Tpm(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[:40].rstrip("-")
        HOST.delete("machine", self.name)

    tearDown = setUp

    def guest(self, command):
        return HOST.run("machine", "exec", self.name, "--", "sh", "-c", command).stdout

    def folder(self):
        return f"{HOST.root}/tpm/{HOST.get('machine', self.name)['metadata']['uid']}"

    def swtpm(self):
        """Pids of the TPMs of this root's guests, by their uid: the owner of the state's folder."""
        owner = os.stat(self.folder()).st_uid
        return [pid for pid in filter(str.isdigit, os.listdir("/proc"))
                if "swtpm" in host.cmdline(pid)[0] and os.stat(f"/proc/{pid}").st_uid == owner]

    def test_it_is_there_and_survives(self):
        HOST.apply(HOST.machine(self.name, tpm=True))
        HOST.wait_ready(self.name)
        self.assertIn("tpm0", self.guest("ls /dev"))
        self.assertEqual(self.guest("cat /sys/class/tpm/tpm0/tpm_version_major").strip(), "2")
        self.assertEqual(self.guest(f"cat {PCR}").strip().strip("0"), "", "a debug PCR begins with zeros")
        folder = self.folder()
        (pid,) = self.swtpm()
        owner = os.stat(folder).st_uid
        self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        status = host.status_of(pid)
        self.assertEqual({*status["Uid"].split()}, {str(owner)})
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.assertEqual(status["Seccomp"].strip(), "2")
        qemu = host.qemu_processes(HOST.root)[os.path.basename(folder)][0]
        self.assertNotEqual(os.stat(f"/proc/{qemu}").st_uid, owner, "another uid than QEMU's")
        state = f"{folder}/tpm2-00.permall"
        with open(state, "rb") as file:
            before = file.read()
        # swtpm's header: version, least version, its size, flags: 1 encrypted, 8 with 256 bits.
        self.assertEqual(int.from_bytes(before[4:6], "big") & 9, 9)
        HOST.run("machine", "stop", self.name, "--wait")
        wait_for(lambda: host.has_ended(int(pid)), 20, "the TPM ends with its guest")
        self.assertTrue(os.path.exists(state), "its state stays")
        HOST.run("machine", "start", self.name, "--wait")
        HOST.wait_ready(self.name)
        self.assertIn("tpm0", self.guest("ls /dev"))
        self.assertEqual(len(self.swtpm()), 1)
        HOST.delete("machine", self.name)
        wait_for(lambda: not os.path.exists(folder), 20, "the state goes with the machine")

    def test_uefi_measures_into_it(self):
        """Read where the firmware's log is: it has measured before the kernel began."""
        HOST.apply(HOST.machine(self.name, tpm=True, firmware="uefi", memory="256MiB"))
        HOST.wait_ready(self.name, 300)
        self.assertNotEqual(self.guest("cat /sys/class/tpm/tpm0/pcr-sha256/0").strip().strip("0"), "",
                            "PCR 0 holds what the firmware measured")

    def test_a_wrong_key_opens_nothing(self):
        HOST.apply(HOST.machine(self.name, tpm=True, restart="never"))
        HOST.wait_ready(self.name)
        HOST.run("machine", "stop", self.name, "--wait")
        secret = f"{HOST.root}/state/tpm.key"
        with open(secret, "rb") as file:
            right = file.read()
        self.assertEqual(os.stat(secret).st_mode & 0o777, 0o600)
        try:
            with open(secret, "r+b") as file:
                file.write(bytes(32))
            HOST.run("machine", "start", self.name)
            wait_for(lambda: HOST.phase(self.name) == "failed", 60, "it cannot start",
                     lambda: HOST.get("machine", self.name)["status"])
        finally:
            with open(secret, "r+b") as file:
                file.write(right)
        HOST.run("machine", "stop", self.name, "--wait")
        HOST.run("machine", "start", self.name, "--wait")
        HOST.wait_ready(self.name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
