#!/usr/bin/env python3
"""A host is backed up while it runs and restored under another root: the same objects, a ledger that
verifies, secrets that are in the file but not to be seen in it."""
import os
import pathlib
import shutil
import tempfile
import unittest

from host import Host

OLD, NEW = "/tmp/bridle-backup-old", "/tmp/bridle-backup-new"
NEEDLE = "a-secret-that-nobody-reads"


def secret(name):
    return {"apiVersion": "bridle/v1", "kind": "Secret",
            "metadata": {"name": name, "project": "test", "owner": "tests"},
            "spec": {"data": {"key": NEEDLE}}}


NOTE = os.urandom(8).hex()


def tpm(host, name, command, handles, parameters):
    """The answer of the guest's TPM, in hexadecimal, to a command with an empty password; it must succeed."""
    body = bytes.fromhex(handles + "00000009 40000009 0000 01 0000" + parameters)
    sent = bytes.fromhex("8002") + (10 + len(body)).to_bytes(4, "big") + command.to_bytes(4, "big") + body
    octal = "".join(f"\\{byte:03o}" for byte in sent)
    answer = host.run("machine", "exec", name, "--", "sh", "-c", f"exec 3<>/dev/tpm0; printf '{octal}' >&3; "
                      "dd bs=4096 count=1 <&3 2>/dev/null | od -An -v -tx1").stdout
    answer = "".join(answer.split())
    assert answer[12:20] == "00000000", (hex(command), answer)
    return answer


class Backup(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bridle-backup-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.key = self.folder / "key"
        self.key.write_bytes(os.urandom(32))
        self.file = self.folder / "backup"
        self.hosts = []
        self.addCleanup(lambda: [host.end() for host in self.hosts])

    def host(self, root):
        self.hosts.append(Host(root))
        return self.hosts[-1]

    def test_running_host_is_restored_elsewhere(self):
        old = self.host(OLD).start()
        old.apply(*[secret(f"s{i}") for i in range(20)])
        old.run("backup", self.file, "--key-file", self.key)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(NEEDLE.encode(), self.file.read_bytes())
        self.assertFalse(os.path.exists(f"{OLD}/state/snapshot.db"))
        old.run("backup", self.file, "--key-file", self.key, "--verify")

        new = self.host(NEW)
        new.run("restore", self.file, "--key-file", self.key)
        new.start()
        before, after = old.list("secret"), new.list("secret")
        self.assertEqual(len(before), 20)
        for part in ("spec", "status"):
            self.assertEqual([o.get(part) for o in before], [o.get(part) for o in after])  # an empty status is left out
        self.assertEqual([o["metadata"]["uid"] for o in before],
                         [o["metadata"]["uid"] for o in after])
        new.run("ledger", "verify")
        self.assertIn("backup", new.run("ledger", "list").stdout)
        # The other host lives on.
        old.apply(secret("after"))
        running = new.run("restore", self.file, "--key-file", self.key, check=False)
        self.assertEqual(running.returncode, 5, running.stderr)

    def test_a_tpm_is_restored_with_what_it_keeps(self):
        """Backed up while the guest runs; the machine starts on the other host, and its TPM gives back the
        bytes that the guest put into it."""
        old = self.host(OLD).start()
        old.run("image", "build", "tiny", "--no-progress", timeout=900)
        old.apply(old.machine("sealed", image="tiny", tpm=True))
        old.wait_ready("sealed")
        tpm(old, "sealed", 0x12A, "40000001", "0000 000E 01500001 000B 02020002 0000 0008")  # NV_DefineSpace
        tpm(old, "sealed", 0x137, "40000001 01500001", "0008" + NOTE + "0000")  # NV_Write
        old.run("backup", self.file, "--key-file", self.key, "--images")
        uid = old.get("machine", "sealed")["metadata"]["uid"]
        kept = pathlib.Path(f"{OLD}/tpm/{uid}/tpm2-00.permall").read_bytes()

        new = self.host(NEW)
        new.run("restore", self.file, "--key-file", self.key)
        restored = pathlib.Path(f"{NEW}/tpm/{uid}")
        self.assertEqual((restored / "tpm2-00.permall").read_bytes(), kept)
        self.assertEqual((restored.stat().st_uid, restored.stat().st_mode & 0o777), (0, 0o700))
        new.start()
        new.wait_ready("sealed")
        self.assertIn(NOTE, tpm(new, "sealed", 0x14E, "40000001 01500001", "0008 0000"))  # NV_Read
        self.assertNotEqual(restored.stat().st_uid, 0, "a uid of the new host's")

    def test_wrong_key_and_newer_format_are_refused(self):
        host = self.host(OLD).start()
        host.run("backup", self.file, "--key-file", self.key)
        self.key.write_bytes(os.urandom(32))
        wrong = host.run("backup", self.file, "--key-file", self.key, "--verify", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("wrong passphrase or key file", wrong.stderr)
        content = bytearray(self.file.read_bytes())
        content[8] = 2
        self.file.write_bytes(content)
        newer = host.run("backup", self.file, "--key-file", self.key, "--verify", check=False)
        self.assertEqual(newer.returncode, 4, newer.stderr)
        self.assertIn("downgrade refused", newer.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
