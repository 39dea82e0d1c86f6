"""start_overhead: what Bridle adds to the start of a guest.

From the moment the request POST …/actions/start is written to bridled's socket until the first byte
that the guest's kernel prints has come through the API's console: authorization, ledger intent and
its sync, store, digest check, volume, jail, attendant, QEMU, QMP and the console's path are all in
it. Minus the same QEMU command run bare (bare_qemu.py), from fork to the same byte. The two are run
in turn, first one then the other first; each pair gives one difference. The kernel prints early
(earlyprintk=ttyS0) in both, so that little of its own noisy boot is measured.

The guest has a volume that is an overlay of an image's disk (of an empty qcow2 file where no image
with a disk is there, which `host.volume` in the output says) and an interface.
"""
import shutil
import tempfile
import time

from bare_qemu import BareQemu
from host import Failed
from report import Result

NAME = "bench-start"
LIMIT_MS = 60


def prepare(host):
    """Declares the guest; returns what its volume is."""
    base = host.image_with_disk()
    host.apply("Volume", "volumes", NAME, {"image": base} if base else {"size": "64MiB"})
    host.machine(NAME, disks=[{"name": "root", "volume": NAME}], interfaces=[{"name": "net0"}],
                 kernelArguments="earlyprintk=ttyS0")
    return f"overlay of {base}" if base else "empty qcow2"


def bridle_first_byte(host, seconds=60):
    began = time.monotonic()
    host.act(NAME, "start")
    while time.monotonic() - began < seconds:
        console = host.console(NAME, timeout=seconds)
        if console:
            try:
                if console.read():
                    return (time.monotonic() - began) * 1e3
            finally:
                console.close()
        time.sleep(0.002)
    raise Failed(f"no byte on the console of {NAME} within {seconds} s: {host.status(NAME)}")


def measure(host, pairs):
    volume = prepare(host)
    folder = tempfile.mkdtemp(prefix="bridle-bare-", dir="/tmp")
    bare = None
    try:
        bridle_first_byte(host)  # warm caches; not counted
        host.wait_phase(NAME, "running")
        bare = BareQemu(host.status(NAME)["pid"], folder)
        host.stop(NAME)
        bare.first_byte()
        differences, alone = [], []
        for pair in range(pairs):
            with_bridle = without = None
            for turn in (0, 1):
                if (pair + turn) % 2 == 0:
                    with_bridle = bridle_first_byte(host)
                    host.stop(NAME)
                else:
                    without = bare.first_byte()
            differences.append(with_bridle - without)
            alone.append(without)
    finally:
        if bare:
            bare.end()
        shutil.rmtree(folder)
        host.delete("machines", NAME)
        host.delete("volumes", NAME)
    result = Result("start_overhead", "ms", differences, f"at most {LIMIT_MS}", LIMIT_MS,
                    "the same QEMU command, bare", alone)
    result.paired = True
    return result, volume
