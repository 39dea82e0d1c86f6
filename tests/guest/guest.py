"""A guest under plain QEMU, for tests of images: serial console, agent port, monitor."""
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time

QEMU = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
        "-machine", "pc-i440fx-10.0", "-accel", "tcg,thread=single,tb-size=64", "-cpu", "max"]


class Guest:
    """with Guest(kernel, initrd, arguments, disks=[...]) as guest: ..."""

    def __init__(self, kernel, initrd, arguments, disks=(), memory="128M", more=(), descriptors=()):
        self.folder = tempfile.mkdtemp(prefix="bt-guest-", dir="/tmp")
        self.output = b""
        words = QEMU + ["-m", memory, "-kernel", kernel, "-initrd", initrd, "-append", arguments]
        for name in ("serial", "agent", "monitor"):
            words += ["-chardev", f"socket,id={name},path={self.folder}/{name},server=on,wait=off"]
        words += ["-serial", "chardev:serial", "-mon", "chardev=monitor,mode=control",
                  "-device", "virtio-serial-pci",
                  "-device", "virtserialport,chardev=agent,name=org.bridle.agent.0",
                  "-device", "virtio-rng-pci", "-device", "virtio-balloon-pci"]
        for index, (path, form, read_only) in enumerate(disks):
            mode = "on" if read_only else "off"
            words += ["-drive", f"file={path},format={form},if=none,id=d{index},readonly={mode}",
                      "-device", f"virtio-blk-pci,drive=d{index}"]
        self.begin = time.monotonic()
        self.qemu = subprocess.Popen(words + list(more) + ["-S"], stdin=subprocess.DEVNULL,
                                     pass_fds=descriptors)
        self.serial = self.connect("serial")
        self.serial.setblocking(False)
        self.monitor = self.connect("monitor").makefile("rw")
        self.monitor.readline()
        self.command("qmp_capabilities")
        self.command("cont")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.qemu.poll() is None:
            self.qemu.kill()
        self.qemu.wait()
        shutil.rmtree(self.folder)

    def connect(self, name):
        for _ in range(200):
            try:
                link = socket.socket(socket.AF_UNIX)
                link.connect(f"{self.folder}/{name}")
                return link
            except OSError:
                link.close()
                time.sleep(0.02)
        raise RuntimeError(f"QEMU does not listen on {name}")

    def command(self, name):
        self.monitor.write(json.dumps({"execute": name}) + "\n")
        self.monitor.flush()
        while True:
            reply = json.loads(self.monitor.readline())
            if "event" not in reply:
                return reply

    def expect(self, text, timeout):
        """Waits until the console has said text; gives the seconds since the guest's start."""
        wanted, deadline = text.encode(), time.monotonic() + timeout
        while wanted not in self.output:
            if time.monotonic() > deadline or self.qemu.poll() is not None:
                tail = self.output[-2000:].decode(errors="replace")
                raise AssertionError(f"the console never said {text!r}; its end:\n{tail}")
            if select.select([self.serial], [], [], 0.1)[0]:
                self.output += self.serial.recv(65536)
        self.output = self.output.split(wanted, 1)[1]
        return time.monotonic() - self.begin

    def type(self, line):
        self.serial.sendall(line.encode() + b"\n")

    def ended(self, timeout):
        """Waits for QEMU's end; gives the seconds it took."""
        begin = time.monotonic()
        self.qemu.wait(timeout)
        return time.monotonic() - begin


class Agent:
    """The host's end of the agent port."""

    def __init__(self, guest):
        self.link = guest.connect("agent")
        self.lines = self.link.makefile("rb")
        self.id = 0

    def read(self, timeout=60):
        self.link.settimeout(timeout)
        return json.loads(self.lines.readline())

    def ask(self, **request):
        self.id += 1
        self.link.sendall(json.dumps({"id": self.id, **request}).encode() + b"\n")
        while True:
            reply = self.read()
            if reply.get("id") == self.id:
                return reply

    def close(self):
        self.lines.close()
        self.link.close()


def parts_of(root, recipe):
    """(manifest, {name: path}) of an image that tests/guest/make_image built in root."""
    with open(f"{root}/images/manifests/{recipe}.json", encoding="utf-8") as text:
        manifest = json.load(text)
    return manifest, {name: f"{root}/images/parts/{manifest[name]['digest']}"
                      for name in ("kernel", "initrd", "disk") if name in manifest}


def seed_iso(folder, meta_data, user_data):
    """A NoCloud seed disk."""
    source = os.path.join(folder, "seed")
    os.makedirs(source)
    for name, text in (("meta-data", meta_data), ("user-data", user_data)):
        with open(os.path.join(source, name), "w", encoding="utf-8") as out:
            out.write(text)
    path = os.path.join(folder, "seed.iso")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-V", "cidata", "-J", "-r", "-o", path,
                    source], check=True, stderr=subprocess.DEVNULL)
    return path
