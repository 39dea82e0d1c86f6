"""l2_64, l2_1500: frames from one guest to another and back, as many as the switch takes.

The generator keeps both guests' rings full; a figure is millions of frames that arrived for each
second of CPU time of the switch (all threads of its process). The switches run in turn, T S O, O S T,
… (the others are stopped), so that each window of ours lies beside one of each peer."""
import statistics

from figures import Alone, Paired
from lab import in_turn

# What is promised, in parts of what the peer does.
TARGETS = {(64, "testpmd io"): 0.88, (64, "OVS-DPDK"): 1.1, (1500, "testpmd io"): 0.95}


class Window:
    """What a switch did in one stretch of time."""

    def __init__(self, seen, hz):
        self.frames = sum(seen["received"])
        self.mpps = self.frames / max(1, seen["cpu_ns"]) * 1e3
        self.cycles = seen["cpu_ns"] / 1e9 * hz / max(1, self.frames)


def measure(lab, switches, size, rounds, ms):
    """REQUIRES: the first switch is ours; all are stopped."""
    ours, *theirs = switches
    turn = [*theirs[:1], ours, *theirs[1:]]

    def window(switch):
        a, b = switch.guests[:2]
        return Window(lab.generator.window(switch.pid, [(a, b, size), (b, a, size)], ms),
                      lab.generator.hz)

    seen = dict(zip((switch.label for switch in turn), in_turn(turn, rounds, window)))
    mine = seen.pop(ours.label)
    if not seen:
        return [alone(size, mine)]
    return [beside(size, mine, label, windows) for label, windows in seen.items()]


def samples(windows):
    return [window.mpps for window in windows]


def cycles(windows):
    return round(statistics.median(window.cycles for window in windows), 1)


def alone(size, mine):
    result = Alone(f"l2_{size}", "Mpps/core", samples(mine), "no peer is there", 0)
    result.extra = {"cycles": cycles(mine)}
    return result


def beside(size, mine, label, theirs):
    limit = TARGETS.get((size, label), 0)
    target = f"at least {limit} of {label}" if limit else f"(beside {label})"
    result = Paired(f"l2_{size}", "Mpps/core", samples(mine), target, limit, label, samples(theirs))
    result.extra = {"cycles": cycles(mine), "peer_cycles": cycles(theirs)}
    return result
