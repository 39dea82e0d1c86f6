"""Where the benchmark lives: a folder, processes, huge pages and a network namespace of its own, all
of which are gone or given back when the `with` block ends, however it ends.

Programs die with the benchmark even if it is killed (their parent-death signal), and run in sessions
of their own with the priority of their autogroup raised, for the shells of the same machine would
otherwise share the cores with them evenly."""
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile

from host import Failed

CLONE_NEWNET = 0x40000000
POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"


def leave_network():
    """Goes on in a network namespace of its own, which ends with the last process in it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise Failed(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class World:
    def __init__(self, huge_mb, wants_huge=True):
        self.huge_mb, self.wants_huge = huge_mb, wants_huge
        self.children, self.logs = [], []
        self.folder = None
        self.reserved = 0

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        self.folder = tempfile.mkdtemp(prefix="bridle-bench-switch-", dir="/tmp")
        try:
            if self.wants_huge:
                self.reserve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for signals in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signals, signal.SIG_IGN)
        for child in reversed(self.children):
            end(child)
        for log in self.logs:
            log.close()
        self.give_back()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- huge pages --------------------------------------------------------------------------
    @property
    def huge(self):
        return self.reserved > 0

    def reserve(self):
        """Adds pages to what others have; what cannot be had whole is given back at once."""
        before, wanted = pool_size(), self.huge_mb // 2
        if not set_pool_size(before + wanted):
            return
        self.reserved = pool_size() - before
        if self.reserved < wanted:
            self.give_back()

    def give_back(self):
        if self.reserved > 0:
            set_pool_size(max(0, pool_size() - self.reserved))
        self.reserved = 0

    # -- processes ---------------------------------------------------------------------------
    def path(self, name):
        return f"{self.folder}/{name}"

    def start(self, name, command, environment=None, **options):
        """A program that ends with the benchmark; its output goes to NAME.log in the folder."""
        log = open(self.path(f"{name}.log"), "ab")
        self.logs.append(log)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", log)
        try:
            child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)],
                                     stderr=log, start_new_session=True, cwd=self.folder,
                                     env=os.environ | (environment or {}), **options)
        except FileNotFoundError as missing:
            raise Failed(f"{missing.filename} is not installed") from missing
        self.children.append(child)
        prefer(child.pid)
        return child

    def tail(self, name):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-1500:]


def prefer(pid):
    """Before the rest of the machine; where the kernel has no such groups, as everyone else."""
    try:
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file:
            file.write("-15")
    except OSError:
        pass


def end(child):
    if child.poll() is not None:
        return
    child.kill()
    child.send_signal(signal.SIGCONT)
    child.wait(10)


def pool_size():
    try:
        with open(POOL, encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return 0


def set_pool_size(pages):
    try:
        with open(POOL, "w", encoding="ascii") as file:
            file.write(str(pages))
    except OSError:
        return False
    return True
