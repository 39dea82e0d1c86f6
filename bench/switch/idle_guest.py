"""A guest that is there and says nothing: the front end of a vhost-user port with two empty rings.

It listens at a path, as QEMU does, and speaks of the protocol (QEMU, docs/interop/vhost-user.rst)
what makes a ring run. The generator's ports do more and each takes up to a second to connect; 64 of
these are connected at once."""
import mmap
import os
import selectors
import socket
import struct
import time

from host import Failed

VERSION, REPLY = 1, 4
GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE = 8, 9, 10
SET_VRING_KICK, SET_VRING_CALL = 12, 13
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, SET_VRING_ENABLE = 15, 16, 18
F_VERSION_1, F_PROTOCOL_FEATURES = 1 << 32, 1 << 30
DESCRIPTORS, RING_BYTES = 256, 16384
BASE = 0x10_0000  # where the guest's memory begins, for the guest and for this process's "addresses"


class IdleGuest:
    def __init__(self, guest):
        self.guest = guest
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(guest.path)
        self.listener.listen(1)
        self.link = None
        self.descriptors = []

    def accept(self):
        self.link, _ = self.listener.accept()
        self.link.settimeout(10)
        features = self.ask(GET_FEATURES)
        self.say(SET_OWNER)
        if features & F_PROTOCOL_FEATURES:
            self.ask(GET_PROTOCOL_FEATURES)
            self.say(SET_PROTOCOL_FEATURES, struct.pack("=Q", 0))
        wanted = features & (F_VERSION_1 | F_PROTOCOL_FEATURES)
        self.say(SET_FEATURES, struct.pack("=Q", wanted))
        self.give_memory()
        for ring in (0, 1):
            self.give_ring(ring)
        if features & F_PROTOCOL_FEATURES:
            for ring in (0, 1):
                self.say(SET_VRING_ENABLE, struct.pack("=II", ring, 1))

    def give_memory(self):
        size = 2 * RING_BYTES
        memory = os.memfd_create("idle-guest")
        os.ftruncate(memory, max(size, 1 << 21))
        self.descriptors.append(memory)
        self.say(SET_MEM_TABLE, struct.pack("=IIQQQQ", 1, 0, BASE, 1 << 21, BASE, 0), [memory])

    def give_ring(self, ring):
        at = BASE + ring * RING_BYTES
        used = at + 16 * DESCRIPTORS + mmap.PAGESIZE  # behind descriptors and the available ring
        self.say(SET_VRING_NUM, struct.pack("=II", ring, DESCRIPTORS))
        self.say(SET_VRING_BASE, struct.pack("=II", ring, 0))
        self.say(SET_VRING_ADDR,
                 struct.pack("=IIQQQQ", ring, 0, at, used, at + 16 * DESCRIPTORS, 0))
        for request in (SET_VRING_CALL, SET_VRING_KICK):
            event = os.eventfd(0, os.EFD_NONBLOCK)
            self.descriptors.append(event)
            self.say(request, struct.pack("=Q", ring), [event])

    def say(self, request, payload=b"", descriptors=()):
        socket.send_fds(self.link, [struct.pack("=III", request, VERSION, len(payload)) + payload],
                        descriptors)

    def ask(self, request):
        self.say(request)
        answer, flags, size = struct.unpack("=III", self.take(12))
        if answer != request or not flags & REPLY or size != 8:
            raise Failed(f"vhost-user: request {request} was answered by {answer} with {size} bytes")
        return struct.unpack("=Q", self.take(8))[0]

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.link.recv(size - len(data))
            if not more:
                raise Failed("vhost-user: the switch closed an idle guest's port")
            data += more
        return data

    def close(self):
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.listener.close()
        if self.link:
            self.link.close()


def connect_all(guests, seconds=60):
    """Until the switch has connected to each."""
    waiting = selectors.DefaultSelector()
    for guest in guests:
        waiting.register(guest.listener, selectors.EVENT_READ, guest)
    deadline, missing = time.monotonic() + seconds, len(guests)
    while missing and time.monotonic() < deadline:
        for key, _ in waiting.select(1):
            key.data.accept()
            waiting.unregister(key.fileobj)
            missing -= 1
    waiting.close()
    if missing:
        raise Failed(f"the switch did not connect to {missing} idle guests within {seconds} s")
