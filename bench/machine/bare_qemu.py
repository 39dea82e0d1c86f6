"""The same QEMU command without Bridle: what Bridle's start is compared with.

Argv and files are those of a guest that Bridle runs right now, taken from /proc: no part of the
command is written twice. Left out are -S (nobody is there to say `cont`) and what the jail adds
around QEMU: namespaces, limits, another uid. It runs in a CPU cgroup of its own, for Bridle's guests
do: on a busy host a process in a group of its own gets far more of the CPU than one among many, and
Bridle would look faster than nothing. Kernel and initramfs are copies, volumes too (a volume is
locked by the QEMU that uses it).
"""
import fcntl
import json
import os
import shutil
import signal
import socket
import time

from host import Failed

MONITOR, SERIAL, AGENT, FIRST_INTERFACE, FIRST_FILE = 10, 11, 12, 13, 20


def cpu_group_file():
    """Where a process that writes 0 enters a fresh CPU cgroup; None where there is none to make."""
    for root in ("/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"):
        if os.path.exists(f"{root}/cgroup.procs"):
            folder = f"{root}/bridle-bench-bare-{os.getpid()}"
            os.makedirs(folder, exist_ok=True)
            return f"{folder}/cgroup.procs"
    return None


class BareQemu:
    def __init__(self, pid, folder):
        self.folder = folder
        self.group = cpu_group_file()
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            argv = file.read().decode().split("\0")[:-1]
        self.argv = [self.copy_bound(pid, word) for word in argv if word != "-S"]
        self.files = self.take_files(pid)
        self.interfaces = [fd for fd in range(FIRST_INTERFACE, FIRST_FILE)
                           if os.path.lexists(f"/proc/{pid}/fd/{fd}") and
                           any(f'"str":"{fd}"' in word for word in argv)]

    def copy_bound(self, pid, word):
        """/g/0 becomes a file that is there."""
        if not word.startswith("/g/"):
            return word
        copy = f"{self.folder}/bound-{os.path.basename(word)}"
        shutil.copyfile(f"/proc/{pid}/root{word}", copy)
        return copy

    def end(self):
        """Removes the cgroup; the folder is the caller's."""
        if self.group:
            os.rmdir(os.path.dirname(self.group))

    def take_files(self, pid):
        """(path, flags) of each inherited disk file by its descriptor. QEMU moves them to other
        numbers, in the order of -add-fd; files that are written to get a copy of their own."""
        added = [word for option, word in zip(self.argv, self.argv[1:]) if option == "-add-fd"]
        open_files = []
        for fd in sorted(map(int, os.listdir(f"/proc/{pid}/fd"))):
            path = os.readlink(f"/proc/{pid}/fd/{fd}")
            if ("/volumes/" in path or "/images/" in path) and path not in open_files:
                open_files.append(path)
        if len(open_files) != len(added):
            raise Failed(f"the guest has {len(added)} disk files, {len(open_files)} were found")
        files = {}
        for word, path in zip(added, open_files):
            fd, number = (int(part.split("=")[1]) for part in word.split(","))
            files[fd] = self.take_file(number, path)
        return files

    def take_file(self, number, path):
        node = next(json.loads(word) for word in self.argv if f'"/dev/fdset/{number}"' in word)
        if node["read-only"]:
            return path, os.O_RDONLY
        copy = f"{self.folder}/disk-{number}"
        shutil.copyfile(path, copy)
        return copy, os.O_RDWR

    def first_byte(self, seconds=60):
        """Milliseconds from fork to the first byte on the serial line."""
        sockets, wanted = self.sockets()
        for fd, (path, flags) in self.files.items():
            wanted[fd] = os.open(path, flags)
        serial = socket.socket(socket.AF_UNIX)
        serial.settimeout(seconds)
        serial.connect(f"{self.folder}/{SERIAL}.sock")
        began = time.monotonic()
        pid = self.spawn(wanted)
        for each in sockets:
            each.close()  # QEMU has its own: when it ends, so does the connection
        try:
            if not serial.recv(1):
                raise Failed("the bare QEMU ended before it printed anything")
            return (time.monotonic() - began) * 1e3
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            for fd in self.files:
                os.close(wanted[fd])
            serial.close()

    def sockets(self):
        made, wanted = [], {}
        for fd in (MONITOR, SERIAL, AGENT, *self.interfaces):
            path = f"{self.folder}/{fd}.sock"
            if os.path.lexists(path):
                os.unlink(path)
            stream = fd not in self.interfaces
            each = socket.socket(socket.AF_UNIX,
                                 socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
            each.bind(path)
            if stream:
                each.listen(4)
            made.append(each)
            wanted[fd] = each.fileno()
        return made, wanted

    def spawn(self, wanted):
        # High copies first, so that no wanted number is in the way of another.
        high = {fd: fcntl.fcntl(now, fcntl.F_DUPFD_CLOEXEC, 100) for fd, now in wanted.items()}
        pid = os.fork()
        if pid == 0:
            try:
                if self.group:
                    with open(self.group, "w", encoding="ascii") as file:
                        file.write("0")
                for fd, now in high.items():
                    os.dup2(now, fd, inheritable=True)
                os.execv(self.argv[0], self.argv)
            finally:
                os._exit(127)
        for now in high.values():
            os.close(now)
        return pid
