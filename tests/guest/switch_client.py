"""bridle-switch as a test runs it: a folder of its own, its two sockets, descriptors handed over as the
jail does (src/wire/port_record.h)."""
import array
import json
import os
import socket
import struct
import subprocess
import time
import uuid

KINDS = {"datagram": 1, "tap": 2, "af_packet": 3, "af_xdp": 4, "nat": 5, "ring": 6}
GIVE, TAKE = 1, 2


def port_record(port, kind, act=GIVE, side=0, mtu=0, size=0):
    record = struct.pack("<IHHIBBHIIIIQI", 0x31505342, 1, act, port, KINDS.get(kind, 0), side, 10, mtu,
                         0, 0, 0, size, 0)
    return record + bytes(128 - len(record))


class Switch:
    def __init__(self, folder, program=None):
        self.folder = folder
        self.program = program or f"{os.environ['BRIDLE_BIN']}/bridle-switch"
        self.process, self.control, self.lines, self.jail = None, None, None, None
        os.makedirs(folder, exist_ok=True)

    def start(self):
        with open(f"{self.folder}/log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.program, "--folder", self.folder], stderr=log)
        self.control, self.lines = None, None
        self.jail = None
        return self

    def connect(self, timeout=20):
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.control = socket.socket(socket.AF_UNIX)
                self.control.connect(f"{self.folder}/control.sock")
                break
            except OSError:
                self.control.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError(f"the switch does not listen: {self.log()}") from None
                time.sleep(0.005)
        self.control.settimeout(30)
        self.lines = self.control.makefile("rb")
        return self

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8") as log:
            return log.read()[-2000:]

    def send(self, request, descriptor=None):
        line = json.dumps(request).encode() + b"\n"
        beside = []
        if descriptor is not None:
            beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        sent = self.control.sendmsg([line], beside)
        self.control.sendall(line[sent:])

    def answer(self):
        line = self.lines.readline()
        assert line, f"the switch closed its control socket: {self.log()}"
        return json.loads(line)

    def ask(self, verb, **given):
        if self.lines is None:
            self.connect()
        self.send({"verb": verb, **given})
        return self.answer()

    def hand_over(self, record, descriptors=()):
        if self.jail is None:
            self.jail = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.jail.connect(f"{self.folder}/jail.sock")
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self.jail.sendmsg([record], beside if descriptors else [])

    def port(self, number):
        return next(p for p in self.ask("status")["ports"] if p["id"] == number)

    def wait_for(self, number, state, timeout=30):
        deadline = time.monotonic() + timeout
        while (port := self.port(number))["state"] != state:
            assert time.monotonic() < deadline, f"port {number} is not {state}: {port}\n{self.log()}"
            time.sleep(0.01)
        return port

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.lines = None

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the switch does not end") from None


def guest_mac(index):
    return f"52:54:00:00:00:{index:02x}"


def guest_address(index):
    return f"10.77.0.{index}"


def config(generation, ports, **group):
    """ports: {index: (attachment, place)}; one group, every guard on."""
    return {
        "generation": generation, "zone": "test",
        "groups": [{"name": "test/default", "uuid": str(uuid.UUID(int=1)), "id": 1,
                    "vlan": {"mode": "access", "id": 100}, "prefixes": ["10.77.0.0/24"],
                    "registry": [{"mac": guest_mac(i), "address": guest_address(i),
                                  "host_name": f"guest{i}"} for i in ports], **group}],
        "ports": [{"id": i, "name": f"guest{i}/net0", "kind": "guest", "attachment": attachment,
                   "place": place, "group": 1, "macs": [guest_mac(i)],
                   "machine": {"uuid": str(uuid.UUID(int=100 + i)), "generation": 1}}
                  for i, (attachment, place) in ports.items()]}
