#!/usr/bin/env python3
"""Bridle is upgraded under running guests: other programs in the same folder, the services started anew,
the guests the same processes. A state that a newer one left is refused, and no guest is harmed."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

import host
from host import Host, wait_for

ROOT = "/tmp/bt-upgrade"
PROGRAMS = ("bridle", "bridled", "bridle-jail", "bridle-supervise")
GUESTS = ("one", "two")


def version():
    done = subprocess.run([host.BIN / "bridle", "version", "--client"], check=True, capture_output=True, text=True)
    return done.stdout.split()[1]


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.host = Host(ROOT, "shared")
        if os.path.exists(ROOT):
            self.host.end()
        os.makedirs(ROOT)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bridle-upgrade-"))
        self.folder.chmod(0o755)
        for name in (*PROGRAMS, "bridle-image-helper"):
            shutil.copy2(host.BIN / name, self.folder / name)

    def tearDown(self):
        self.host.end()
        shutil.rmtree(self.folder)

    def start(self):
        with open(f"{ROOT}/supervise.log", "ab") as log:
            self.supervisor = subprocess.Popen([self.folder / "bridle-supervise", "--root", ROOT],
                                               stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                               start_new_session=True)

    def stop(self):
        self.supervisor.send_signal(signal.SIGTERM)
        self.supervisor.wait(30)

    def log(self):
        return pathlib.Path(f"{ROOT}/supervise.log").read_text(encoding="utf-8", errors="replace")

    def processes(self):
        """Of each guest; that of a KVM probe is not among them."""
        found = host.qemu_processes(ROOT)
        return [found.get(uid, []) for uid in self.uids]

    def services_say(self, what):
        self.assertIn(what, self.host.run("version").stdout.splitlines()[1].split(",")[0])
        for name in PROGRAMS[1:]:
            pid = self.host.pid_of(name) if name != "bridle-jail" else int(
                pathlib.Path(f"{ROOT}/run/jail.pid").read_text(encoding="ascii"))
            self.assertEqual(os.readlink(f"/proc/{pid}/exe"), str(self.folder / name))

    def test_upgrade_under_running_guests(self):
        old = version()
        new = old[:-1] + str((int(old[-1]) + 9) % 10)
        self.start()
        self.host.wait_up()
        self.services_say(f"bridled {old}")
        self.host.run("image", "build", "tiny", "--no-progress", timeout=900)
        self.host.apply(*[self.host.machine(name) for name in GUESTS])
        for name in GUESTS:
            self.host.wait_ready(name)
        self.uids = [self.host.get("machine", name)["metadata"]["uid"] for name in GUESTS]
        before = self.processes()
        self.assertEqual([len(pids) for pids in before], [1, 1], before)
        boots = {name: self.host.get("machine", name)["status"]["boot"] for name in GUESTS}

        # Under the running services, as a package's files change, and only then new processes.
        for name in PROGRAMS:
            shutil.copy2(host.BIN / name, self.folder / f"{name}.new")
            os.rename(self.folder / f"{name}.new", self.folder / name)
        subprocess.run([host.SOURCE / "tests/other_version", old, new,
                        self.folder / "bridle", self.folder / "bridled"], check=True)
        self.assertIn("deleted", os.readlink(f"/proc/{self.host.pid_of('bridled')}/exe"))
        self.stop()
        self.start()
        self.host.wait_up()
        self.services_say(f"bridled {new}")
        for name in GUESTS:
            self.host.wait_ready(name)
            self.assertEqual(self.host.get("machine", name)["status"]["boot"], boots[name])
        self.assertEqual(self.processes(), before, "the same processes")
        self.host.run("ledger", "verify")

        self.refuse_newer_state(before)

        # The new one can still do everything with a guest that the old one started.
        self.host.run("machine", "stop", "one", "--wait")
        self.host.run("machine", "start", "one", "--wait")
        self.host.wait_ready("one")

    def refuse_newer_state(self, guests):
        self.stop()
        store, = [path for path in pathlib.Path(f"{ROOT}/state").rglob("*.db") if schema(path) > 0]
        known = schema(store)
        schema(store, known + 1)
        self.start()
        wait_for(lambda: "downgrade refused" in self.log(), 30, "the word of the refusal", self.log)
        self.assertIn(f"the store has schema {known + 1}", self.log())
        self.assertNotEqual(self.host.run("version", check=False).returncode, 0)
        self.assertEqual(self.processes(), guests, "the guests run on")
        self.stop()
        self.assertEqual(schema(store), known + 1, "nothing of it was touched")
        schema(store, known)
        self.start()
        self.host.wait_up(60)
        for name in GUESTS:
            self.host.wait_ready(name)
        self.assertEqual(self.processes(), guests)


def schema(path, new=None):
    """user_version of a SQLite file; sets it, keeping the file's owner (and its log's)."""
    owner = os.stat(path)
    database = sqlite3.connect(path)
    try:
        if new is not None:
            database.execute(f"PRAGMA user_version = {new}")
            database.commit()
        return database.execute("PRAGMA user_version").fetchone()[0]
    finally:
        database.close()
        for name in (path, f"{path}-wal", f"{path}-shm"):
            if os.path.exists(name):
                os.chown(name, owner.st_uid, owner.st_gid)


if __name__ == "__main__":
    unittest.main(verbosity=2)
