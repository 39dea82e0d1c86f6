"""The outer guest: a Debian machine under TCG whose CPU has SVM, so that KVM works inside it.

    with Outer(folder, payload) as outer:
        outer.wait_ready()
        status, output = outer.ask("systemctl is-system-running", 60)

Commands go over a virtio-serial port to tests/nested/agent; nothing is on a network.
"""
import base64
import itertools
import os
import select
import signal
import socket
import subprocess
import time

# One vCPU in one thread, and no five-level paging: what was found to work (more fails more often).
CPU = ["-accel", "tcg,thread=single,tb-size=512", "-smp", "1", "-cpu", "max,la57=off"]
KERNEL_WORDS = ("root=/dev/vda rw console=ttyS0 mitigations=off audit=0 nmi_watchdog=0 "
                "net.ifnames=0 panic=-1 systemd.show_status=1")


class Outer:
    def __init__(self, images, payload, folder, memory="3G"):
        self.images, self.payload, self.folder, self.memory = images, payload, folder, memory
        self.process = self.port = None
        self.buffer = b""
        self.ids = itertools.count(1)

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        disk = f"{self.folder}/disk.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
                        "-b", os.path.abspath(f"{self.images}/base.ext4"), disk], check=True)
        self.console = f"{self.folder}/console.log"
        port = f"{self.folder}/port.sock"
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", *CPU,
             "-m", self.memory, "-display", "none",
             "-kernel", f"{self.images}/vmlinuz", "-initrd", f"{self.images}/initrd",
             "-append", KERNEL_WORDS,
             "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe",
             "-drive", f"file={self.payload},format=raw,if=virtio,readonly=on",
             "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
             "-chardev", f"socket,id=port,path={port},server=on,wait=off",
             "-device", "virtserialport,chardev=port,name=org.bridle.nested",
             "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console"],
            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        self.port = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.port.connect(port)
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait_ready(self, seconds=180):
        """Until the agent answers: of this boot, or of the next after a reboot."""
        line = self._line(seconds)
        while not line.startswith(b"0 0 "):
            line = self._line(seconds)

    def ask(self, command, seconds=60):
        """(exit status, output) of a shell command."""
        number = next(self.ids)
        self.port.sendall(b"%d %s\n" % (number, base64.b64encode(command.encode())))
        deadline = time.monotonic() + seconds
        while True:
            words = self._line(deadline - time.monotonic(), command).split()
            if words and words[0] == b"%d" % number:
                output = base64.b64decode(words[2]).decode(errors="replace") if words[2:] else ""
                return int(words[1]), output

    def must(self, command, seconds=60):
        status, output = self.ask(command, seconds)
        assert status == 0, f"{command}: exit {status}\n{output}"
        return output

    def _line(self, seconds, what="the agent's word"):
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.port], [], [], left)[0]:
                raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self.tail()}")
            piece = self.port.recv(65536)
            if not piece:
                raise AssertionError(f"the outer guest ended: {what}\n{self.tail()}")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def tail(self):
        try:
            with open(self.console, "rb") as file:
                return file.read()[-3000:].decode(errors="replace")
        except OSError:
            return ""
