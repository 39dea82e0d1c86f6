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
