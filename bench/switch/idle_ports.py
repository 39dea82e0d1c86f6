"""idle_ports: what 30 ports that are there and say nothing cost two that are busy.

Two switches of each kind, one with two ports, one with 30 more: windows of both in turn, 64 bytes;
each pair gives one cost, in percent of the frames for each second of CPU time."""
from lab import in_turn
from report import Result

IDLE, LIMIT = 30, 2


def measure(lab, pairs, rounds, ms):
    """`pairs`: (without, with idle ports), ours first; all are stopped."""
    def rate(switch):
        a, b = switch.guests[:2]
        seen = lab.generator.window(switch.pid, [(a, b, 64), (b, a, 64)], ms)
        return sum(seen["received"]) / max(1, seen["cpu_ns"])

    costs = []
    for few, many in pairs:
        without, beside = in_turn([few, many], rounds, rate)
        costs.append([100 * (1 - m / f) for f, m in zip(without, beside)])
    peer = pairs[1][0].label if len(pairs) > 1 else None
    return [Result("idle_ports", "%", costs[0], f"at most {LIMIT}", LIMIT, peer,
                   costs[1] if peer else None)]
