"""The records of src/jail/protocol.h, and a jail of one's own to send them to: for tests."""
import array
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid

import host

SIZE, MAGIC = 512, 0x314A4C42
REQUEST = struct.Struct("<IHHQ16sQQIIII24sQQQQIIHB5xQII7sBB7x344s")
REPLY = struct.Struct("<IHHQiI16sQQQIIiIII48s192sIIBB2xI16s152x")
ORDER = struct.Struct("<BBBBI16sQIIIIQII6s2x4s16s16s20x")
FORWARD = struct.Struct("<BBHH8s")
RECORD = struct.Struct("<IHHIBBHIIIIQI84s")
(HELLO, START, SIGNAL, LIMITS, LIST, RELEASE, PLACE, HELPER, EXITED, USAGE, GROW, FORGET, TPM_LOST, SWITCH_START,
 SWITCH_STOP, SWITCH_LIST, PORT_OPEN, PORT_CLOSE, PORT_LIST, NAT_FORWARDS) = range(1, 21)
DATAGRAM, TAP, AF_PACKET, AF_XDP, NAT, RING = range(1, 7)
OUTSIDE, HOST = 1, 2  # nat_flags
RESTART, FORGET_STATE = 1, 2  # switch_flags
ISOLATED, WAITING = 1, 2  # port_note
assert REQUEST.size == REPLY.size == SIZE and ORDER.size == RECORD.size == 128


def request(verb, number=1, *, guest=None, boot=0, slot=0, signal_number=0, files=(), interfaces=0, attachments=b"",
            zone=0, port=0, flags=0, forwards=0, body=b"", memory=0, pids=0):
    return REQUEST.pack(MAGIC, 1, verb, number, guest.bytes if guest else bytes(16), 1, boot, slot, signal_number,
                        len(files), interfaces, bytes(files), 1000, 0, memory, 0, pids, 0, 0, 0, 0, zone, port,
                        attachments, flags, forwards, body)


def order(kind, *, nat_flags=0, prefix4=0, prefix6=0, mtu=0, guest=None, boot=0, interface=0, device=0, queue=0,
          bridge=0, size=0, peer=(0, 0), mac="", gateway4="", gateway6="", resolver=""):
    address = lambda text, family: socket.inet_pton(family, text) if text else b""
    mapped = b"" if not resolver else (address(resolver, socket.AF_INET6) if ":" in resolver else
                                       bytes(10) + b"\xff\xff" + address(resolver, socket.AF_INET))
    return ORDER.pack(kind, nat_flags, prefix4, prefix6, mtu, guest.bytes if guest else b"", boot, interface, device,
                      queue, bridge, size, *peer, bytes.fromhex(mac.replace(":", "")),
                      address(gateway4, socket.AF_INET), address(gateway6, socket.AF_INET6), mapped)


def forward(protocol, host_port, guest, guest_port):
    if ":" in guest:
        return FORWARD.pack(protocol, 6, host_port, guest_port, socket.inet_pton(socket.AF_INET6, guest)[8:])
    return FORWARD.pack(protocol, 4, host_port, guest_port, socket.inet_pton(socket.AF_INET, guest))


class Answer:
    def __init__(self, data):
        (_, _, self.verb, self.id, self.error, self.pid, guest, _, self.boot, self.start_time, self.slot, self.state,
         self.exit_status, self.index, self.count, _, _, message, self.zone, self.port, self.kind, self.note,
         self.deaths, device) = REPLY.unpack(data)
        self.guest = uuid.UUID(bytes=guest)
        self.message = message.split(b"\0")[0].decode()
        self.device = device.split(b"\0")[0].decode()

    def __repr__(self):
        return f"<verb {self.verb} error {self.error} {self.message!r} pid {self.pid} note {self.note}>"


def sealed(content):
    fd = os.memfd_create("sealed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, 0xF)
    return fd


class Client:
    """Speaks to the jail of a root, as bridled: by its uid."""

    def __init__(self, root):
        self.root = root
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        self.uid = os.stat(f"{root}/state").st_uid
        os.seteuid(self.uid)
        try:
            self.socket.connect(f"{root}/run/jail.sock")
        except OSError:
            self.socket.close()
            raise
        finally:
            os.seteuid(0)

    def close(self):
        self.socket.close()

    def ask(self, record, descriptors=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.socket.sendmsg([record], rights)
        return self.hear()

    def hear(self):
        while True:
            data = self.socket.recv(SIZE)
            if not data:
                raise ConnectionResetError("the jail closed the connection")
            answer = Answer(data)
            if answer.id != 0:
                return answer

    def all(self, record):
        answers = [self.ask(record)]
        while len(answers) < answers[0].count:
            answers.append(self.hear())
        return answers if answers[0].count else []

    def must(self, record, descriptors=(), may_fail=False):
        answer = self.ask(record, descriptors)
        assert answer.error == 0 or may_fail, answer
        return answer

    def open(self, zone, port, what):
        return self.must(request(PORT_OPEN, zone=zone, port=port, body=what))


class Jail:
    """A bridle-jail with the stand-in (or another program) for its switch, alone with its root."""

    def __init__(self, root, switch=pathlib.Path(__file__).parent / "switch_stand_in"):
        self.root = root
        self.bin = f"{root}.bin"
        shutil.rmtree(self.bin, ignore_errors=True)
        os.makedirs(self.bin)
        for program in ("bridle-jail", "bridle-image-helper"):
            shutil.copy(host.BIN / program, self.bin)
        shutil.copy(switch, f"{self.bin}/bridle-switch")
        self.log = open(f"{root}.log", "wb")
        self.start()

    def start(self):
        self.process = subprocess.Popen([f"{self.bin}/bridle-jail", "--root", self.root], stdout=self.log,
                                        stderr=self.log)
        host.wait_for(self.connect, 30, "the jail answers")
        self.uid = self.client.uid

    def connect(self):
        try:
            self.client = Client(self.root)
            return self.ask(request(HELLO)).error == 0
        except OSError:
            return False

    def __getattr__(self, name):
        """ask, must, all, open: the client's."""
        if name == "client":
            raise AttributeError(name)
        return getattr(self.client, name)

    def kill(self):
        self.client.close()
        self.process.kill()
        self.process.wait()

    def end(self):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def purge(self):
        subprocess.run([f"{self.bin}/bridle-jail", "--root", self.root, "--purge"], check=True, stderr=self.log)

    def group(self):
        return subprocess.run([f"{self.bin}/bridle-jail", "--root", self.root, "--cgroup"], check=True,
                              capture_output=True, text=True).stdout.strip()

    # -- the stand-in
    def given(self, zone, port, timeout=20):
        """(record, descriptors) that the switch of a zone was handed for a port; None if it has none."""
        end = time.monotonic() + timeout
        while True:
            try:
                found = self.ask_switch(zone, port)
            except OSError:
                found = None
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def ask_switch(self, zone, port):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(5)
        with connection:
            connection.connect(f"{self.root}/run/s/{zone}/control.sock")
            connection.sendall(struct.pack("<I", port))
            data, fds, _, _ = socket.recv_fds(connection, 65536, 64)
        if port == 0:
            return data.decode()
        return None if data == b"none" else (RECORD.unpack(data), fds)
