"""idle: CPU time of a switch with 64 connected ports and no traffic, in percent of a core; and
wake: how long the first frame takes after a pause in which the switch fell asleep, in microseconds.

The peer is OVS-DPDK told to sleep as well (pmd-maxsleep), for it spins otherwise; the same 64 guests
are connected to it."""
import statistics
import time

from lab import go_on, stop
from report import Result

PORTS, IDLE_LIMIT, WAKE_LIMIT = 64, 1, 50
PAUSE_US = 20_000
SLEEPY = "pmd-maxsleep=500"
PEER = f"OVS-DPDK, {SLEEPY}"


def cpu_seconds(pid):
    """Of all threads of a process: its CPU clock, by number (linux/posix-timers.h)."""
    return time.clock_gettime(~pid << 3 | 2)


def grow(lab, switch, tag, ports):
    """More silent ports, until there are so many; and whoever can only be told to sleep, is."""
    more = lab.guests(tag, range(len(switch.guests), ports))
    go_on(switch)
    switch.grow(more)
    lab.join_idle(switch, more)


def measure(lab, switches, windows, seconds, frames):
    """REQUIRES: ours first; 64 ports each; all are stopped."""
    shares, wakes = [], []
    for switch in switches:
        go_on(switch)
        time.sleep(1)
        shares.append([share(switch.pid, seconds) for _ in range(windows)])
        wakes.append([median_wake(lab, switch, frames) for _ in range(windows)])
        stop(switch)
    peer = PEER if len(switches) > 1 else None
    return [Result("idle", "%", shares[0], f"at most {IDLE_LIMIT}", IDLE_LIMIT, peer,
                   shares[1] if peer else None),
            Result("wake", "us", wakes[0], f"at most {WAKE_LIMIT}", WAKE_LIMIT, peer,
                   wakes[1] if peer else None)]


def share(pid, seconds):
    began, cpu = time.monotonic(), cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - cpu) / (time.monotonic() - began)


def median_wake(lab, switch, frames):
    a, b = switch.guests[:2]
    seen = lab.generator.ask("wake", **{"from": a.number}, to=b.number, count=frames,
                             pause=PAUSE_US)
    return statistics.median(seen["ns"]) / 1e3 if seen["ns"] else float("inf")
