#!/usr/bin/env python3
"""QEMU's own -sandbox, tried from inside QEMU by a plugin. The words are those of a live guest. It runs
outside the jail, whose filter refuses most of these calls first: here the sandbox is the only layer.
With its words each call is refused; with the one set that holds it allowed, it reaches the kernel."""
import os
import re
import signal
import subprocess
import unittest

import host
from host import Host

HOST = Host(project="sandbox")
PLUGIN = host.BIN.parent / "confinement" / "sandbox_plugin.so"
REFUSED = {"EPERM", "SIGSYS"}


def try_inside(name, sandbox):
    """The lines that the plugin wrote in a QEMU with these words for -sandbox (None: without one)."""
    reader, writer = os.pipe()
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", "-accel", "tcg", "-m", "64",
               "-display", "none", "-plugin", f"file={PLUGIN},try={name}"]
    if sandbox:
        command += ["-sandbox", sandbox]
    with os.fdopen(reader, encoding="ascii") as answers:
        # Descriptor 20 is where the plugin answers.
        program = ["bash", "-c", f'exec 20>&{writer}; exec "$@"', "qemu", *command]
        with subprocess.Popen(program, pass_fds=[writer], stderr=subprocess.PIPE) as qemu:
            os.close(writer)
            lines = [line.split("\t") for line in answers.read().splitlines()]
            errors = qemu.communicate(timeout=120)[1]
    assert qemu.returncode in (0, -signal.SIGSYS), errors
    return [["", "SIGSYS"]] if qemu.returncode else lines


def without(words, name):
    """The words with one set allowed; None when it is the part that is always on."""
    if name == "on":
        return None
    opened, count = re.subn(rf"\b{name}=deny\b", f"{name}=allow", words)
    assert count == 1, f"{name} is not denied by: {words}"
    return opened


class Sandbox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        HOST.delete("machine", "one")
        HOST.apply(HOST.machine("one"))
        HOST.wait_phase("one", "running")
        arguments = host.cmdline(HOST.get("machine", "one")["status"]["pid"])
        cls.words = arguments[arguments.index("-sandbox") + 1]

    @classmethod
    def tearDownClass(cls):
        HOST.delete("machine", "one")

    def test_each_set_refuses_what_reaches_the_kernel_without_it(self):
        tries = try_inside("list", None)
        self.assertEqual({group for group, _ in tries},
                         {"on", "obsolete", "elevateprivileges", "spawn", "resourcecontrol"})
        print(f"-sandbox {self.words}")
        for group, name in tries:
            (_, refused), = try_inside(name, self.words)
            (_, reached), = try_inside(name, without(self.words, group))
            print(f"| {group} | {name} | {refused} | {reached} |")
            self.assertIn(refused, REFUSED, f"{name} with {self.words}")
            self.assertNotIn(reached, REFUSED, f"{name} without {group}")


if __name__ == "__main__":
    unittest.main()
