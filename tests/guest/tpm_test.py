#!/usr/bin/env python3
"""A TPM of a guest's own: the guest sees it, its state survives a stop, is encrypted, belongs to nobody
else, and goes with the machine."""
import os
import signal
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

    def unreaped(self):
        """Ended children that nobody has waited for, of this root's processes."""
        own, found = {pid for pid, _ in HOST.processes()}, []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                status = host.status_of(pid)
            except OSError:
                continue
            if status["State"].startswith("Z") and int(status["PPid"]) in own:
                found.append((pid, status["Name"], status["PPid"]))
        return found

    def attendant_of(self, qemu):
        return int(host.status_of(qemu)["PPid"])

    def test_killed_it_is_missed_and_comes_back(self):
        HOST.apply(HOST.machine(self.name, tpm=True))
        HOST.wait_ready(self.name)
        (pid,) = self.swtpm()
        boot = HOST.get("machine", self.name)["status"]["boot"]
        os.kill(int(pid), signal.SIGKILL)

        def status():
            return HOST.get("machine", self.name)["status"]

        wait_for(lambda: status()["reason"] == "TpmLost", 30, "it is missed", status)
        self.assertIn("stop and start", status()["message"])
        self.assertEqual((status()["phase"], status()["boot"]), ("running", boot), "the guest runs on")
        self.assertIn("alive", self.guest("echo alive"))
        refused = HOST.run("machine", "exec", self.name, "--", "cat", PCR, check=False)
        self.assertNotEqual(refused.returncode, 0, "an error, and no hanging")
        wait_for(lambda: not self.unreaped(), 10, "its process is reaped", self.unreaped)
        self.assertIn("TpmLost", HOST.run("events").stdout)
        # Who comes after does not forget it.
        for program in ("bridle-jail", "bridled"):
            os.kill(HOST.pid_of(program), signal.SIGKILL)
        HOST.wait_up()
        wait_for(lambda: status()["reason"] == "TpmLost", 30, "it is still missed", status)
        HOST.run("machine", "stop", self.name, "--wait")
        HOST.run("machine", "start", self.name, "--wait")
        HOST.wait_ready(self.name)
        self.assertEqual(status()["reason"], "Running")
        self.assertEqual(self.guest(f"cat {PCR}").strip().strip("0"), "")

    def test_without_its_attendant_nothing_is_left_unreaped(self):
        HOST.apply(HOST.machine(self.name, tpm=True))
        HOST.wait_ready(self.name)
        qemu = HOST.get("machine", self.name)["status"]["pid"]
        (tpm,) = self.swtpm()
        attendant = self.attendant_of(qemu)
        self.assertEqual(self.attendant_of(tpm), attendant)
        os.kill(attendant, signal.SIGKILL)
        wait_for(lambda: self.attendant_of(tpm) == HOST.pid_of("bridle-jail"), 20, "the jail is its heir")
        HOST.run("machine", "stop", self.name, "--wait")
        wait_for(lambda: not os.path.exists(f"/proc/{tpm}"), 20, "the TPM ended and was reaped")
        self.assertEqual(self.unreaped(), [])
        self.assertNotEqual(HOST.get("machine", self.name)["status"]["reason"], "TpmLost")

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
