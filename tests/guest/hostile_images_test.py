#!/usr/bin/env python3
"""Hundreds of hostile images, each given to the converter as bridled gives it: every one is refused with an
error that says what is wrong, none makes it crash, hang, take memory or fill the disk. (import_test.py sends
some through the whole of an import.)"""
import collections
import os
import re
import resource
import shutil
import subprocess
import tempfile
import unittest

import hostile_images
from host import BIN

MEMORY = 192 << 20  # most that the converter, qemu-img included, may have had
SPACE = 64 << 20  # that a refused file may have had written
SPEECH = re.compile(r"^error (\w+) (.*)$")


class Run:
    def __init__(self, folder, data, words):
        path = f"{folder}/upload"
        with open(path, "wb") as file:
            file.write(data)
        upload, out = os.open(path, os.O_RDONLY), os.open(f"{folder}/disk", os.O_RDWR | os.O_CREAT | os.O_TRUNC)

        def enter():  # the descriptors and the limits of the jail
            os.dup2(upload, 21)
            os.dup2(out, 22)
            resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        argv = [BIN / "bridle-image-helper", "convert", "--disk", "0", "--name", "x", "--project", "lab", *words]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              preexec_fn=enter, pass_fds=(21, 22)) as child:
            self.text = child.stdout.read()
            _, self.status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(self.status)
        self.exit = os.waitstatus_to_exitcode(self.status)
        self.memory = used.ru_maxrss * 1024
        self.space = os.fstat(out).st_blocks * 512
        os.close(upload)
        os.close(out)
        last = self.text.strip().splitlines()[-1] if self.text.strip() else ""
        self.said = SPEECH.match(last)


class HostileImages(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bt-hostile-", dir="/tmp")
        # Descriptors that the child gets must not be in use here.
        for fd in (21, 22):
            os.dup2(0, fd)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def check(self, run, name):
        """What is wrong with how this went, beside its being taken."""
        wrong = []
        if run.exit not in (0, 1, 2):  # taken, refused, not said what it is
            wrong.append(f"exit {run.exit}: {run.text[-300:]}")
        if run.memory > MEMORY:
            wrong.append(f"{run.memory >> 20} MiB of memory")
        if run.exit != 0:
            if not run.said or len(run.said[2]) < 25 or run.said[1] == "internal":
                wrong.append(f"said {run.text[-300:]!r}")
            if run.space > SPACE:
                wrong.append(f"{run.space >> 20} MiB written")
        return [f"{name}: {what}" for what in wrong]

    def test_all(self):
        table, wrong, most = collections.Counter(), [], 0
        words = {}
        for number, (form, kind, data, options) in enumerate(hostile_images.cases(self.folder)):
            run = Run(self.folder, data, options)
            name = f"{number} ({form}, {kind})"
            wrong += self.check(run, name)
            if run.exit == 0:
                wrong.append(f"{name} was taken")
            table[form, kind] += 1
            most = max(most, run.memory)
            if run.said:
                words.setdefault((form, kind), run.said[2])
        print("\n| file | spoiled | files | refused, for example |\n|---|---|---|---|")
        for (form, kind), count in table.items():
            print(f"| {form} | {kind} | {count} | {words.get((form, kind), '')[:110]} |")
        print(f"{sum(table.values())} files; most memory {most >> 20} MiB")
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(sum(table.values()), 500)
        # Chance on top: what is taken has a disk that qemu-img reads.
        taken = refused = 0
        for number, (form, kind, data, options) in enumerate(hostile_images.mutations(self.folder, 200)):
            run = Run(self.folder, data, options)
            wrong += self.check(run, f"mutation {number} ({form})")
            if run.exit == 0:
                taken += 1
                subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", f"{self.folder}/disk"], check=True)
            else:
                refused += 1
        print(f"random damage: {refused} refused, {taken} taken (the damage is in the data)")
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
