"""restart_gap: the longest time in which nothing arrives while a switch is killed (SIGKILL) and
started again at once, under a frame every 100 microseconds from one guest to another.

The guests are the generator's; they take the switch's new connection as soon as it comes."""
import concurrent.futures
import time

from lab import go_on, stop
from report import Result
from world import end

LIMIT = 200
INTERVAL_US, BEFORE_S = 100, 0.5


def measure(lab, switches, times):
    """REQUIRES: ours first; all are stopped."""
    gaps = [[one(lab, switch, seconds) for _ in range(times)]
            for switch, seconds in zip(switches, (2.5, 8))]
    peer = switches[1].label if len(switches) > 1 else None
    return [Result("restart_gap", "ms", gaps[0], f"at most {LIMIT}, reconnect included", LIMIT, peer,
                   gaps[1] if peer else None)]


def one(lab, switch, seconds):
    go_on(switch)
    lab.settle(switch)
    a, b = switch.guests[:2]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(lab.generator.ask, "gap", **{"from": a.number}, to=b.number,
                              interval=INTERVAL_US, ms=int(seconds * 1000))
        time.sleep(BEFORE_S)
        end(switch.child)
        switch.start()
        seen = running.result()
    stop(switch)
    return seen["longest_ns"] / 1e6
