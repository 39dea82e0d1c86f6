"""noisy: what is left to a guest while another floods.

One guest sends frames of 1500 bytes to a third, as many as the switch takes; in every second window
another floods a fourth with frames of 64 bytes. Its fair share of a core that two want is half of
what it gets when it has the core alone; the figure is the part of that which it got, in percent."""
from figures import AtLeast
from lab import in_turn

LIMIT = 90


def measure(lab, switches, rounds, ms):
    """REQUIRES: the first switch is ours; all have four guests, and are stopped."""
    for switch in switches:
        flooder, modest, target, other = switch.guests[:4]
        lab.introduce(switch, [(flooder, target), (modest, other)])

    def part(switch):
        flooder, modest, target, other = switch.guests[:4]
        wanted = (modest, other, 1500)
        alone = lab.generator.window(switch.pid, [wanted], ms)
        beside = lab.generator.window(switch.pid, [wanted, (flooder, target, 64)], ms)
        return 100 * rate(beside) / (rate(alone) / 2)

    mine, *theirs = in_turn(switches, rounds, part)
    peer = switches[1].label if theirs else None
    return [AtLeast("noisy", "%", mine, f"at least {LIMIT}", LIMIT, peer,
                    theirs[0] if theirs else None)]


def rate(seen):
    """Frames of the first flow for each second of the switch's CPU time."""
    return seen["received"][0] / max(1, seen["cpu_ns"])
