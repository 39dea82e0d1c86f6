"""bulk: TCP between two real guests (iperf3, one stream), large frames, Gbit/s.

Each switch has two guests of its own; all are booted first, and then run in turn, a few seconds
each, everything of the others stopped. The peers are OVS with segmentation left to the receiver
(userspace-tso-enable) and the kernel's bridge with TAP; the target is the better one of them, pair by
pair. On an emulated CPU (engine tcg) guests are most of what is measured."""
import os
import re
import select
import signal
import subprocess
import time

from figures import Paired
from host import Failed, say
from lab import in_turn
from world import end

BRIDGE = "bridge + TAP"
MEMORY_MB = 256
BOOT_S = 180


class Machine:
    """A guest in QEMU; its serial port is a pipe."""

    def __init__(self, world, files, engine, guest, peer, netdev):
        role = f"bench.role={'client' if peer else 'server'} bench.ip={guest.ip}" + \
            (f" bench.peer={peer.ip}" if peer else "")
        self.name = os.path.basename(guest.path).removesuffix(".sock")
        self.world = world
        self.child = world.start(f"qemu-{self.name}", [
            "qemu-system-x86_64", "-machine", "q35,memory-backend=mem", "-accel", engine,
            *(["-cpu", "host"] if engine == "kvm" else []), "-m", f"{MEMORY_MB}M", "-smp", 1,
            "-object", f"memory-backend-memfd,id=mem,size={MEMORY_MB}M,share=on",
            "-kernel", files.kernel, "-initrd", files.initrd,
            "-append", f"{files.arguments} {role}", *netdev,
            "-device", f"virtio-net-pci,netdev=n0,mac={guest.mac},rx_queue_size=1024,"
            f"tx_queue_size={256 if netdev[1].startswith('tap') else 1024}",  # QEMU's own: 256 at most
            "-nodefaults", "-display", "none", "-serial", "stdio",
            "-no-reboot"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.seen = b""

    def wait_for(self, pattern, seconds):
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
                raise Failed(f"bulk: {self.name} said no {pattern!r} within {seconds} s: "
                             f"{self.seen[-1500:].decode(errors='replace')}"
                             f"{self.world.tail(f'qemu-{self.name}')}")
            more = os.read(self.child.stdout.fileno(), 65536)
            if not more:
                raise Failed(f"bulk: {self.name} ended: {self.world.tail(f'qemu-{self.name}')}")
            self.seen += more
        self.seen = self.seen[found.end():]
        return found

    def gbits(self, seconds):
        self.child.stdin.write(b"%d\n" % seconds)
        self.child.stdin.flush()
        found = self.wait_for(rb"bench-rate ([^\r\n]*)\r?\n", seconds + 60)
        try:
            return float(found.group(1)) / 1e3
        except ValueError:
            raise Failed(f"bulk: {self.name}: iperf3: {found.group(1).decode()}") from None


class Pair:
    """Two guests on one switch (None: the kernel's), which run and stop together."""

    def __init__(self, lab, files, engine, switch, label, guests, netdevs):
        self.label, self.switch = label, switch
        server, client = guests
        self.machines = [Machine(lab.world, files, engine, server, None, netdevs[0]),
                         Machine(lab.world, files, engine, client, server, netdevs[1])]
        for machine in self.machines:
            machine.wait_for(b"bench-ready", BOOT_S)
        self.machines[1].gbits(1)  # addresses are known, tables are filled
        self.signal(signal.SIGSTOP)

    def signal(self, number):
        for child in [*([self.switch.child] if self.switch else []),
                      *(machine.child for machine in self.machines)]:
            child.send_signal(number)

    def gbits(self, seconds):
        self.signal(signal.SIGCONT)
        try:
            time.sleep(0.3)  # the guests' clocks catch up
            return self.machines[1].gbits(seconds)
        finally:
            self.signal(signal.SIGSTOP)

    def end(self):
        for machine in self.machines:
            end(machine.child)
        if self.switch:
            end(self.switch.child)


def vhost_user(guest):
    return ["-chardev", f"socket,id=ch0,path={guest.path},server=on,wait=off",
            "-netdev", "vhost-user,id=n0,chardev=ch0,vhostforce=on"]


def bridge(guests):
    """A bridge of the kernel's in the benchmark's network namespace; the netdev of each guest."""
    def ip(*words):
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"ip {' '.join(words)}: {done.stderr}")

    ip("link", "add", "bench0", "type", "bridge")
    ip("link", "set", "bench0", "up")
    netdevs = []
    for guest in guests:
        name = f"tap{guest.index}"
        ip("tuntap", "add", name, "mode", "tap", "vnet_hdr")
        ip("link", "set", name, "master", "bench0", "up")
        netdevs.append(["-netdev", f"tap,id=n0,ifname={name},script=no,downscript=no,vhost=off"])
    return netdevs


def pairs(lab, files, engine, found):
    """Ours first; each is appended to `found` when it runs, so that what fails can be ended."""
    guests = lab.guests("bulk", (0, 1))
    switch = lab.bridle("bulk", guests)
    found.append(Pair(lab, files, engine, switch, switch.label, guests, list(map(vhost_user, guests))))
    if lab.has_ovs():
        guests = lab.guests("bulk-ovs", (0, 1))
        switch = lab.ovs("bulk-ovs", guests, settings=["userspace-tso-enable=true"])
        found.append(Pair(lab, files, engine, switch, "OVS-DPDK, userspace TSO", guests,
                          list(map(vhost_user, guests))))
    guests = lab.guests("bulk-tap", (0, 1))
    found.append(Pair(lab, files, engine, None, BRIDGE, guests, bridge(guests)))


def measure(lab, files, engine, rounds, seconds):
    found = []
    try:
        say("bulk: booting guests")
        pairs(lab, files, engine, found)
        seen = in_turn(found, rounds, lambda pair: pair.gbits(seconds))
    finally:
        for pair in found:
            pair.end()
    return figures([pair.label for pair in found], seen)


def figures(labels, seen):
    """One result beside each peer; the promise is against the best of both in each round."""
    best = [max(theirs) for theirs in zip(*seen[1:])]
    results = [Paired("bulk", "Gbit/s", seen[0], "at least the best of the peers", 1,
                      f"the best of {' and '.join(labels[1:])}", best)]
    for label, theirs in zip(labels[1:], seen[1:]):
        results.append(Paired("bulk", "Gbit/s", seen[0], f"(beside {label})", 0, label, theirs))
    return results
