#!/usr/bin/env python3
"""Confinement, proved: a stand-in started like QEMU, the helpers and bridled tries targets of the live
host, all refused; then each layer against a probe of its own; then each row of the system call filter."""
import ctypes
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import types
import unittest

import host
import layers
from host import Host

HOST = Host(project="escape")
PROGRAMS = host.BIN.parent / "confinement"
ROLES = ("guest", "tpm", "switch", "fetch", "build", "store", "convert", "daemon")


def confine(role, probes, without=(), options=()):
    """Lines of the launcher's output, as {first field: second}."""
    arguments = [PROGRAMS / "confine", "--root", HOST.root, "--role", role, *options,
                 "--program", PROGRAMS / "escape"]
    for layer in without:
        arguments += ["--without", layer]
    done = subprocess.run([*map(str, arguments), "--", *probes], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)


def make_targets(folder):
    """What the probes aim at, beside the host's own."""
    targets = types.SimpleNamespace(root=HOST.root, folder=f"{folder}/mounted", group=4242)
    os.chmod(folder, 0o777)
    os.mkdir(targets.folder)

    def file(name, mode, group=0):
        path = f"{folder}/{name}"
        pathlib.Path(path).write_text("secret\n", encoding="ascii")
        os.chown(path, 0, group)
        os.chmod(path, mode)
        return path

    targets.of_group_root = file("of-root", 0o040)
    targets.of_group = file("of-group", 0o040, targets.group)
    targets.leaked = file("leaked", 0o600)
    targets.writable = file("writable", 0o666)
    targets.setuid_program = f"{folder}/setuid"
    shutil.copy(PROGRAMS / "escape", targets.setuid_program)
    os.chmod(targets.setuid_program, 0o4755)
    targets.device = f"{HOST.root}/cache/device"
    os.mknod(targets.device, 0o666 | 0o020000, os.makedev(1, 5))
    os.chmod(targets.device, 0o666)
    targets.store = f"{HOST.root}/state/store.db"
    targets.key = targets.store
    targets.port_socket = socket.create_server(("127.0.0.1", 0))
    targets.port = targets.port_socket.getsockname()[1]
    targets.abstract = f"@bridle-escape-{os.getpid()}"
    targets.abstract_socket = socket.socket(socket.AF_UNIX)
    targets.abstract_socket.bind("\0" + targets.abstract[1:])
    targets.abstract_socket.listen()
    targets.victim = HOST.pid_of("bridle-supervise")
    targets.shared_memory = 0x42524944
    targets.shm_id = LIBC.shmget(targets.shared_memory, 4096, 0o1666)
    return targets


LIBC = ctypes.CDLL(None, use_errno=True)


class Escape(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for name in ("one", "two"):
            HOST.delete("machine", name)
        HOST.apply(HOST.machine("one"), HOST.machine("two"))
        for name in ("one", "two"):
            HOST.wait_phase(name, "running")
        cls.folder = tempfile.mkdtemp(prefix="bridle-escape-", dir="/tmp")
        cls.targets = make_targets(cls.folder)
        cls.targets.guest = HOST.get("machine", "one")["metadata"]["uid"]
        t = cls.targets
        cls.options = ("--group", str(t.group), "--leak", t.leaked, "--scratch", cls.folder)
        cls.binds = ("--bind", t.writable, "--bind", t.setuid_program, "--bind", t.writable)

    @classmethod
    def tearDownClass(cls):
        os.unlink(cls.targets.device)
        LIBC.shmctl(cls.targets.shm_id, 0, None)
        for name in ("one", "two"):
            HOST.delete("machine", name)
        shutil.rmtree(cls.folder)

    # -- every target of the live host, every layer on ------------------------------------------

    def host_files(self, role):
        """Files and sockets of this root, and the host's own secrets."""
        found = ["/etc/shadow", "/root", "/proc/kcore", "/proc/kmsg", "/dev/kmsg", "/dev/mem", "/dev/vda"]
        for top, _, names in os.walk(HOST.root):
            shared = top.startswith((f"{HOST.root}/images", f"{HOST.root}/cache"))
            if shared and role != "convert":
                continue  # everyone else's to read
            found += [f"{top}/{name}" for name in names]
        return found

    def host_processes(self):
        guests = [HOST.get("machine", name)["status"]["pid"] for name in ("one", "two")]
        return [*guests, *(pid for pid, _ in HOST.processes())]

    def probes(self, role):
        own = f"{HOST.root}/state", f"{HOST.root}/volumes", f"{HOST.root}/run", f"{HOST.root}/supervise.log"
        found = []
        for path in self.host_files(role):
            if role == "daemon" and path.startswith(own):
                continue
            found += [f"unix:{path}"] if path.endswith(".sock") else [f"read:{path}", f"write:{path}"]
        if role == "switch":  # it sees all guests' folders, and no more than that
            folder = f"/g/{self.targets.guest}"
            found += [f"unix:{folder}/{name}.sock" for name in ("qmp", "agent", "serial", "attendant")]
            found += [f"{verb}:{folder}/{name}" for verb in ("read", "write") for name in ("record", "exit", "errors")]
            found += ["list:/g", "create:/g/new", "create:/s/new", "write:/s/record", "read:/s/record"]
        for pid in self.host_processes():
            if role == "daemon" and pid == HOST.pid_of("bridled"):
                continue  # itself, by uid
            found += [f"{verb}:{pid}" for verb in ("signal", "ptrace", "memory-of", "take-fd")]
            found += [f"read:/proc/{pid}/mem", f"write:/proc/{pid}/mem", f"setns:/proc/{pid}/ns/net"]
        found += ["write:/proc/sysrq-trigger", "write:/proc/sys/kernel/core_pattern", "write:/sys/power/state",
                  "create:/new", "create:/usr/new", "create:/etc/new", "mknod:/tmp/node:1:1", "capset:", "setuid:0",
                  f"socket:{socket.AF_NETLINK}:3", f"socket:{socket.AF_PACKET}:3", "socket:40:1", "socket:38:5",
                  "socket:44:3", f"unshare:{layers.CLONE_NEWUSER}", f"space:{layers.CLONE_NEWUSER}", "i386:20"]
        if role != "build":  # root of its own namespace
            found += ["chroot:/", "mount:/tmp", "setgid:0", "hostname:escaped"]
        else:
            for probe in ("capset:", "setuid:0", "create:/usr/new"):
                found.remove(probe)
        if role in ("guest", "tpm", "switch", "store", "build", "convert"):
            found.append(f"tcp:{self.targets.port}")
        return found + self.call_probes(role)

    @staticmethod
    def call_probes(role):
        mine = {"guest": (), "tpm": (), "switch": (), "build": ("fork", "vfork", "mount", "umount2", "chroot")}.get(role, ("fork", "vfork"))
        return [f"reach:{number}:{error}" for number, name, error in layers.refused_calls(host.SOURCE)
                if name not in mine]

    def test_1_no_target_of_the_live_host_can_be_reached(self):
        for role in ROLES:
            probes = self.probes(role)
            answers = confine(role, probes, options=self.options)
            effects = {name: answers.pop(name) for name in ("exit", "hostname", "mounts", "dumped")}
            self.assertEqual(effects, {"exit": "0", "hostname": "host", "mounts": "0", "dumped": "0"}, role)
            self.assertEqual(len(answers), len(set(probes)), f"{role}: every probe was answered")
            opened = [probe for probe, answer in answers.items() if answer in ("open", "EINVAL")]
            self.assertEqual(opened, [], f"{role} got through")
            kinds = {}
            for probe, answer in answers.items():
                kinds.setdefault(probe.split(":")[0], set()).add(answer)
            print(f"\n{role}: {len(answers)} targets, all refused")
            for kind, refused in sorted(kinds.items()):
                print(f"  {kind:<10} {' '.join(sorted(refused))}")

    # -- each layer, and the probe that only it refuses -----------------------------------------

    def answer(self, row, without):
        """What became of a probe: "open", an errno's name, "killed", or the effect's value."""
        options = self.options + row.options
        if row.role == "guest":
            options += self.binds
        if row.role == "attendant":
            answers = confine("guest", ["wait:20000"], without, options + ("--attendant", row.probe))
            return answers.get("attendant") or answers[row.probe]
        answers = confine(row.role, [row.probe], without, options)
        if row.effect:
            return answers[row.effect]
        inner = row.probe.split("|")[-1]
        return answers.get(row.probe) or answers.get(inner) or ("killed" if answers["exit"] != "0" else "nothing")

    def check(self, row, table):
        with_layer = self.answer(row, row.others)
        without = self.answer(row, (row.layer, *row.others))
        if row.effect:
            refused = "no effect" if with_layer != row.opened else with_layer
            opened = "open" if without == row.opened else without
        else:
            refused, opened = with_layer, without
        table.append((row.role, row.layer, row.probe.replace(HOST.root, "ROOT").replace(self.folder, "TMP"),
                      " ".join(row.others), refused, opened))
        if (refused, opened) != (row.refused, "open"):
            return f"{row}: with it {with_layer}, without {without}"
        return None

    def test_2_each_layer_refuses_what_nothing_else_would(self):
        table, wrong = [], []
        for row in layers.rows(self.targets):
            wrong.append(self.check(row, table))
        print("\n| role | layer | probe | also off | with the layer | without |\n|---|---|---|---|---|---|")
        for line in table:
            print("| " + " | ".join(line) + " |")
        self.assertEqual([w for w in wrong if w], [])

    def test_3_each_row_of_the_filter_is_what_refuses_its_call(self):
        """As root with every capability, so that nothing but the filter is in the way."""
        rows = layers.refused_calls(host.SOURCE)
        self.assertGreater(len(rows), 40)
        probes = [f"reach:{number}:{error}" for number, _, error in rows]
        others = ("root", *layers.ALL_RIGHTS)
        refused = confine("guest", probes, others, self.options)
        opened = confine("guest", probes, ("filter", *others), self.options)
        for probe, (_, name, error) in zip(probes, rows):
            self.assertEqual(refused[probe], "EPERM" if error == 1 else "ENOSYS", name)
            self.assertEqual(opened[probe], "open", name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
