#!/usr/bin/env python3
"""A bridled that was taken over talks to the jail: thousands of requests over the live socket, made of
good ones with random fields, sizes and descriptors, under bridled's own uid. The jail lives, gives away
neither memory nor descriptors, starts nothing with rights, and other guests run on.

  BRIDLE_SEED=N    the same requests again; BRIDLE_SOAK=1: ten times as many
"""
import array
import fcntl
import json
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import sys
import time
import traceback
import unittest
import uuid

import host
import jail_records
from host import Host, wait_for

COUNT = 20000 if os.environ.get("BRIDLE_SOAK") == "1" else 2000
SEED = int(os.environ.get("BRIDLE_SEED", random.randrange(1 << 32)))
ROOT = "/tmp/bridle-hostile-daemon"

# src/jail/protocol.h
SIZE, MAGIC = 512, 0x314A4C42
HEAD = struct.Struct("<IHHQ16sQQIIII24s")
LIMITS = struct.Struct("<QQQQII")
HELPER = struct.Struct("<HBB")
HELLO, START, SIGNAL, LIMIT, LIST, RELEASE, PLACE, RUN_HELPER, EXITED, USAGE, GROW = range(1, 12)
SWITCH_START, SWITCH_STOP, SWITCH_LIST, PORT_OPEN, PORT_CLOSE, PORT_LIST, NAT_FORWARDS = range(14, 21)
ZONES = (1020, 1021)  # of nobody
SEALS = 0xF  # seal, shrink, grow, write


def sealed(content, seals=SEALS):
    fd = os.memfd_create("hostile", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


class Attack:
    """In a process with bridled's uid."""

    def __init__(self, root, seed):
        self.random = random.Random(seed)
        self.path = f"{root}/run/jail.sock"
        self.connection = None
        self.outcome = {}
        reader, writer = os.pipe()
        stream, other = socket.socketpair()
        self.keep = [stream, other]
        words = b"\0".join([b"-machine", b"none", b"-S"]) + b"\0"
        self.descriptors = [
            sealed(words), sealed(words), sealed(b"fetch\0--help\0"), sealed(b""), sealed(os.urandom(300)),
            sealed(words, 0), sealed(b"x" * (1 << 20)), reader, writer, stream.fileno(),
            os.open("/", os.O_RDONLY | os.O_DIRECTORY), os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY),
            os.open("/dev/null", os.O_RDWR), os.open("/dev/zero", os.O_RDONLY),
            os.open("/proc/self/exe", os.O_RDONLY), os.open(root, os.O_PATH), os.eventfd(0), select.epoll().fileno(),
        ]

    def connect(self):
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection.connect(self.path)
        self.connection.setblocking(False)
        self.keep = self.keep[:2] + [self.connection]

    def number(self, bits):
        dice = self.random
        return dice.choice([0, 1, 2, 7, (1 << bits) - 1, 1 << (bits - 1), dice.randrange(1 << bits),
                            dice.randrange(1 << min(bits, 12))])

    def request(self):
        """Good for its verb, but for a few fields. Without: (record, how many descriptors it announces)."""
        dice = self.random
        verb = dice.choice([HELLO, START, START, SIGNAL, LIMIT, LIST, RELEASE, PLACE, RUN_HELPER, EXITED, USAGE, GROW, SWITCH_START, SWITCH_STOP,
                            SWITCH_LIST, PORT_OPEN, PORT_OPEN, PORT_OPEN, PORT_CLOSE, PORT_LIST, NAT_FORWARDS])
        files = dice.randrange(0, 4) if verb in (START, RUN_HELPER) else 0
        uses = bytes(dice.choice([1, 2]) for _ in range(files)).ljust(24, b"\0")
        fields = [MAGIC, 1, verb, dice.randrange(1 << 64), uuid.UUID(int=dice.getrandbits(128)).bytes, 1, 1,
                  dice.randrange(2, 9), dice.choice([9, 15]), files, dice.randrange(0, 3), uses]
        limits = [1000, 1000, 64 << 20, 0, 0, 0]
        helper = [dice.randrange(1, 5), 0, 0]
        for _ in range(dice.choice([0, 0, 0, 1, 2])):
            which = dice.choice([0, 1, 2, 5, 6, 7, 8, 9, 10])
            fields[which] = self.number({0: 32, 1: 16, 2: 16, 5: 64, 6: 64}.get(which, 32))
        if dice.random() < 0.2:
            limits[dice.randrange(4)] = self.number(64)
        if dice.random() < 0.2:
            helper[0] = self.number(16)
        record = HEAD.pack(*fields) + LIMITS.pack(*limits) + HELPER.pack(*helper) + bytes(4)
        record += struct.pack("<Q", dice.choice([0, 1 << 20, self.number(64)]))
        record = (record + self.of_switch(verb)).ljust(SIZE, b"\0")
        return record, files + (verb in (START, RUN_HELPER))

    def of_switch(self, verb):
        """What a request says of a zone, its port and what that is joined to."""
        dice = self.random
        zone = dice.choice([*ZONES, *ZONES, 0, 1025, (1 << 32) - 1]) if verb >= SWITCH_START else dice.choice([0, 0, 1020])
        port = dice.choice([1, 2, 3, self.number(32)]) if verb >= SWITCH_START else 0
        attachments = bytes(dice.choice([0, 0, 1]) for _ in range(2)).ljust(7, b"\0") if verb == START else bytes(7)
        flags = dice.choice([0, 0, 1, 2]) if verb in (SWITCH_START, SWITCH_STOP) else 0
        count, body = 0, b""
        if verb == PORT_OPEN:
            kind = dice.choice([1, 2, 3, 5, 6])  # AF_XDP would take a device from the host
            body = jail_records.order(
                kind, nat_flags=dice.randrange(4) if kind == 5 else 0, prefix4=24 if kind == 5 else 0,
                guest=uuid.uuid4() if kind == 1 else None, boot=1 if kind == 1 else 0,
                device=dice.choice([1, 9999]) if kind == 3 else 0, size=4096 if kind == 6 else 0,
                peer=(ZONES[1], 7) if kind == 6 else (0, 0), mac="52:54:00:00:00:09" if kind == 5 else "",
                gateway4="10.8.0.1" if kind == 5 else "", resolver="192.0.2.1" if kind == 5 else "")
            if dice.random() < 0.2:
                body = bytearray(body)
                body[dice.randrange(1, len(body))] = dice.randrange(256)
        if verb == NAT_FORWARDS:
            count = dice.choice([0, 1, 2, 24, 25, 255])
            body = b"".join(jail_records.forward(6, dice.choice([0, 60001, 60002, 60003, 60004]), "10.8.0.5", 22) for _ in range(min(count, 24)))
        return struct.pack("<II7sBB7x", zone, port, attachments, flags, count) + bytes(body)

    def packet(self):
        dice = self.random
        record, count = self.request()
        if dice.random() < 0.2:
            record = bytearray(record)
            for _ in range(dice.randrange(1, 6)):
                record[dice.randrange(SIZE)] ^= 1 << dice.randrange(8)
        if dice.random() < 0.05:
            record = dice.randbytes(dice.choice([0, 1, 4, SIZE - 1, SIZE + 1, 4096, SIZE]))
        if dice.random() < 0.2:
            count = dice.randrange(0, 40)
        chosen = [dice.choice(self.descriptors) for _ in range(count)]
        if chosen and dice.random() < 0.7:
            chosen[0] = self.descriptors[dice.randrange(3)]
        if chosen and dice.random() < 0.1:
            chosen[-1] = self.connection.fileno()  # the socket inside of itself
        return bytes(record), chosen

    def note(self, what):
        self.outcome[what] = self.outcome.get(what, 0) + 1

    def send(self, record, rights):
        while True:
            try:
                return self.connection.sendmsg([record], rights)
            except BlockingIOError:
                select.select([], [self.connection], [], 10)
                self.hear()

    def hear(self):
        """All answers that are there."""
        while select.select([self.connection], [], [], 0)[0]:
            try:
                reply = self.connection.recv(SIZE + 1)
            except ConnectionError:
                reply = b""
            if len(reply) != SIZE:
                self.note("connections ended")
                self.connection.close()
                return self.connect()
            self.note("refused" if struct.unpack_from("<i", reply, 16)[0] else "answered")
        return None

    def run(self, count):
        self.connect()
        for _ in range(count):
            record, descriptors = self.packet()
            try:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
                self.send(record, rights)
            except OSError as error:
                self.note(f"not sent: {error.strerror}")
                self.connection.close()
                self.connect()
            # Mostly one at a time: what waits behind a packet that ends the connection is lost with it.
            if self.random.random() < 0.8:
                select.select([self.connection], [], [], 1)
            self.hear()
        time.sleep(1)
        self.hear()
        return self.outcome


class HostileDaemon(unittest.TestCase):
    def setUp(self):
        self.host = Host(root=ROOT, project="other")
        self.addCleanup(self.host.end)
        self.host.start()
        self.host.run("image", "build", "tiny", "--no-progress", timeout=900)
        self.host.apply(self.host.machine("bystander"))
        self.host.wait_phase("bystander", "running")
        self.host.wait_ready("bystander")

    def cost(self, pid):
        resident = int(host.status_of(pid)["VmRSS"].split()[0])
        return resident, len(os.listdir(f"/proc/{pid}/fd"))

    def everyone(self):
        """Processes of the root's cgroups."""
        name = subprocess.run([host.BIN / "bridle-jail", "--root", ROOT, "--cgroup"], check=True,
                              capture_output=True, text=True).stdout.strip()
        return {int(pid) for tree in pathlib.Path("/sys/fs/cgroup").glob(f"**/{name}")
                for file in tree.glob("**/cgroup.procs") for pid in file.read_text("ascii").split()}

    def privileged(self, pids):
        found = {}
        for pid in pids:
            try:
                status = host.status_of(pid)
            except OSError:
                continue
            if "0" in status["Uid"].split() or int(status["CapEff"], 16) & ~self.own_namespace(status):
                found[pid] = host.cmdline(pid)
        return found

    def own_namespace(self, status):
        """A build helper is root of a user namespace of its own, of a uid that is nobody's here."""
        return (1 << 64) - 1 if int(status["Uid"].split()[0]) >= os.stat(f"{ROOT}/state").st_uid + 65536 else 0

    def test_the_jail_lives_and_refuses(self):
        jail = self.host.pid_of("bridle-jail")
        guest = self.host.get("machine", "bystander")["status"]["pid"]
        uid = os.stat(f"{ROOT}/state").st_uid
        before, cost = self.everyone(), self.cost(jail)
        outcome = as_uid(uid, lambda: Attack(ROOT, SEED).run(COUNT))
        self.assertIsNotNone(outcome, f"seed {SEED}")
        print(f"seed {SEED}: {COUNT} requests: {outcome}", file=sys.stderr)
        self.assertGreater(outcome["refused"], COUNT // 4)
        self.assertEqual(self.host.pid_of("bridle-jail"), jail, f"seed {SEED}: the jail died")
        # What it may start has no rights, and ends: it was given nothing to run on.
        wait_for(lambda: not self.privileged(self.everyone() - before), 30, "what was started drops its rights",
                 lambda: self.privileged(self.everyone() - before))
        self.forget_what_was_started()
        wait_for(lambda: not self.everyone() - before, 60, "what was started has ended",
                 lambda: [host.cmdline(p) for p in self.everyone() - before])
        wait_for(lambda: self.cost(jail)[1] <= cost[1] + 2, 30, "its descriptors are closed",
                 lambda: (cost, self.cost(jail)))
        self.assertLess(self.cost(jail)[0], cost[0] + 16 * 1024, "KiB resident")
        self.assertEqual(self.host.get("machine", "bystander")["status"]["pid"], guest)
        self.host.wait_ready("bystander")
        # Bridle goes on.
        self.host.apply(self.host.machine("after"))
        self.host.wait_phase("after", "running")

    def forget_what_was_started(self):
        """Guests of the attack that live are its to end."""
        bystander = next(u for u, pids in host.qemu_processes(ROOT).items()
                         if self.host.get("machine", "bystander")["status"]["pid"] in pids)
        self.assertTrue(as_uid(os.stat(f"{ROOT}/state").st_uid, lambda: release_strangers(ROOT, bystander)))


def release_strangers(root, bystander):
    """Kills and forgets every guest but that one."""
    attack = Attack(root, 0)
    attack.connect()
    attack.connection.setblocking(True)

    def ask(verb, name=bytes(16), signal=0):
        fields = [MAGIC, 1, verb, 1, name, 1, 0, 0, signal, 0, 0, bytes(24)]
        attack.connection.send(HEAD.pack(*fields).ljust(SIZE, b"\0"))

    ask(LIST)
    strangers = []
    while True:
        reply = attack.connection.recv(SIZE)
        index, count = struct.unpack_from("<II", reply, 76)
        if count and reply[24:40] != uuid.UUID(bystander).bytes:
            strangers.append(reply[24:40])
        if index + 1 >= count:
            break
    for name in strangers:
        ask(SIGNAL, name, 9)
    time.sleep(3)
    for name in strangers:
        ask(RELEASE, name)
    for zone in ZONES:
        attack.connection.send(jail_records.request(SWITCH_STOP, zone=zone, flags=jail_records.FORGET_STATE))
    time.sleep(3)
    return True


def as_uid(uid, work):
    """What `work` returns (JSON) in a process of that uid; None: it failed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(writer, json.dumps(work()).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writer)
    with open(reader, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


if __name__ == "__main__":
    unittest.main(verbosity=2)
