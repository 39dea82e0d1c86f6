"""pss: memory of all Bridle processes (supervisor, jail, one attendant a guest, bridled) with 50
tiny guests running, each of which answers on its console within 10 s. Proportional set size:
shared pages are counted once, divided among those who map them. QEMU is not Bridle's."""
import secrets
import time

from host import Failed, say, wait_for
from report import Result

GUESTS = 50
TOGETHER = 4  # boot at the same time
READINGS = 5
FIXED_MB, EACH_MB = 40, 0.5


def pss_mb(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
    except OSError:
        return 0.0  # ended since it was listed


def answers(host, name, seconds=10):
    """Whether the guest's shell computes on its console."""
    console = host.console(name, scrollback=0)
    if not console:
        return False
    a, b = secrets.randbelow(10**6), secrets.randbelow(10**6)
    try:
        console.write(f"\necho answer-$(({a}+{b}))\n".encode())
        return console.wait_for(f"answer-{a + b}".encode(), seconds)
    finally:
        console.close()


def boot(host, names):
    for name in names:
        host.machine(name, power="running")
    for name in names:
        host.wait_phase(name, "running", 300)
        wait_for(lambda n=name: answers(host, n), 300, f"{name} has booted")


def measure(host):
    others = [item for item in host.items("/api/v1/machines")
              if item.get("status", {}).get("phase") not in ("defined", "failed")]
    if others:
        raise Failed(f"pss: {len(others)} machines run on this host already; stop them first")
    names = [f"bench-pss-{i}" for i in range(GUESTS)]
    try:
        say(f"starting {GUESTS} guests, {TOGETHER} at a time")
        for first in range(0, GUESTS, TOGETHER):
            boot(host, names[first:first + TOGETHER])
        silent = [name for name in names if not answers(host, name)]
        if silent:
            raise Failed(f"pss: no answer within 10 s from {', '.join(silent)}")
        samples = []
        for _ in range(READINGS):
            samples.append(sum(pss_mb(pid) for pid in host.processes()))
            time.sleep(2)
    finally:
        for name in names:
            host.ask("POST", host.path("machines", name) + "/actions/stop", {"force": True})
        for name in names:
            host.delete("machines", name)
    limit = FIXED_MB + EACH_MB * GUESTS
    return Result("pss", "MB", samples, f"at most {FIXED_MB} + {EACH_MB} a guest ({GUESTS})", limit)
