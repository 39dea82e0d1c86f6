"""restart_adopt: bridled is killed (SIGKILL) with 50 guests running and booted; milliseconds from when its
successor is a process until /metrics says that the monitors of all 50 answered it. The pause that the
supervisor makes before it starts one anew is not part of it."""
import os
import re
import signal
import time

from host import Failed, UnixConnection, say, wait_for
from report import Result

GUESTS, TOGETHER, LIMIT_MS = 50, 4, 500


def bridled(host):
    """The supervisor's child of that name, or None."""
    supervisor = host.supervisor.pid
    with open(f"/proc/{supervisor}/task/{supervisor}/children", encoding="ascii") as file:
        for pid in file.read().split():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as words:
                    if os.path.basename(words.read().split(b"\0")[0]) == b"bridled":
                        return int(pid)
            except OSError:
                continue
    return None


def attached(host):
    connection = UnixConnection(host.api, 5)
    try:
        connection.request("GET", "/metrics")
        found = re.search(rb"^bridle_guests_attached (\d+)", connection.getresponse().read(), re.M)
        return int(found.group(1)) if found else 0
    except OSError:
        return -1
    finally:
        connection.close()


def has_booted(host, name):
    """Its agent answers: it is idle then, and what is measured is not fifty boots."""
    return host.ask("POST", host.path("machines", name) + "/agent", {"do": "ping"})[0] == 200


def sample(host):
    old = bridled(host)
    os.kill(old, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (new := bridled(host)) in (None, old):
        if time.monotonic() > deadline:
            raise Failed("restart_adopt: bridled is not started again")
        time.sleep(0.001)
    began = time.perf_counter()
    while attached(host) < GUESTS:
        if time.monotonic() > deadline:
            raise Failed(f"restart_adopt: {attached(host)} of {GUESTS} guests are adopted")
        time.sleep(0.02)  # asking costs the host something, too
    return (time.perf_counter() - began) * 1e3


def measure(host, samples):
    host.need_image("tiny")
    names = [f"bench-adopt-{number}" for number in range(GUESTS)]
    try:
        say(f"starting {GUESTS} guests, {TOGETHER} at a time")
        for first in range(0, GUESTS, TOGETHER):
            for name in names[first:first + TOGETHER]:
                host.machine(name, power="running")
            for name in names[first:first + TOGETHER]:
                wait_for(lambda n=name: has_booted(host, n), 300, f"{name} has booted")
        figures = []
        for _ in range(samples):
            time.sleep(3)
            figures.append(sample(host))
    finally:
        for name in names:
            host.ask("POST", host.path("machines", name) + "/actions/stop", {"force": True})
        for name in names:
            host.delete("machines", name)
    return Result("restart_adopt", "ms", figures, f"{LIMIT_MS} ms ({GUESTS} guests)", LIMIT_MS)
