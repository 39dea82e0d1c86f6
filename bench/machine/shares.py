"""shares: how exactly CPU shares of 1:3 are kept between two busy guests.

Both have one virtual CPU that computes for ever; all threads of both QEMUs are put on one and the
same core, so that they compete for it whatever else the host has. CPU time is the kernel's own
account of every thread of each QEMU (schedstat, nanoseconds: what cpuacct sums up as well), over
windows of 5 s; each window gives one error of the ratio, in percent."""
import os
import threading
import time

from host import Failed
from report import Result

NAMES = {"bench-share-1": 1000, "bench-share-3": 3000}
WANTED = 3.0
WINDOW_S = 5
LIMIT_PERCENT = 2


def cpu_ns(pid):
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        except OSError:
            pass  # a worker thread that ended
    return total


def put_on_core(pid, core):
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(thread), {core})
        except ProcessLookupError:
            pass


def keep_busy(host, name, seconds):
    """The guest's agent runs an endless loop; the answer (it took too long) does not matter."""
    body = {"do": "exec", "argv": ["sh", "-c", "while :; do :; done"], "timeout": seconds}

    def run():
        try:
            host.ask("POST", host.path("machines", name) + "/agent", body, timeout=seconds + 30)
        except OSError:
            pass  # the guest was stopped meanwhile

    threading.Thread(target=run, daemon=True).start()


def wait_agent(host, name, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status, _ = host.ask("POST", host.path("machines", name) + "/agent", {"do": "ping"})
        if status == 200:
            return
        time.sleep(0.5)
    raise Failed(f"shares: the agent of {name} does not answer within {seconds} s")


def measure(host, windows):
    core = max(os.sched_getaffinity(0))
    try:
        for name, shares in NAMES.items():
            host.machine(name, power="running", resources={"cpu": {"shares": shares}})
        for name in NAMES:
            host.wait_phase(name, "running")
            wait_agent(host, name)
        pids = [host.status(name)["pid"] for name in NAMES]
        for name in NAMES:
            keep_busy(host, name, windows * WINDOW_S + 30)
        for pid in pids:
            put_on_core(pid, core)
        time.sleep(3)  # until both are at full speed and moved
        errors = []
        for _ in range(windows):
            before = [cpu_ns(pid) for pid in pids]
            time.sleep(WINDOW_S)
            one, three = (cpu_ns(pid) - b for pid, b in zip(pids, before))
            if one + three < 0.5e9 * WINDOW_S:
                raise Failed("shares: the guests did not use the core: they are not busy")
            errors.append(abs(three / one / WANTED - 1) * 100)
    finally:
        for name in NAMES:
            host.delete("machines", name)
    return Result("shares", "%", errors, f"at most {LIMIT_PERCENT}", LIMIT_PERCENT)
