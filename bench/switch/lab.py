"""What all measurements share: the world, the generator, and switches between guests that it plays.

One core is the switches', the other the generator's. Of the switches at most one runs at a time: all
are stopped (SIGSTOP) but while they are measured."""
import os
import signal

import ovs
import testpmd
from bridle import Bridle
from generator import Generator, Guest
from host import Failed, say, wait_for
from idle_guest import IdleGuest, connect_all
from world import end


class Lab:
    def __init__(self, world, programs):
        self.world = world
        self.program = f"{programs}/bridle-switch"
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise Failed("two cores are needed: one for the switch, one for the generator")
        self.switch_core, generator_core = cores[:2]
        for program in (self.program, f"{programs}/bridle-switch-generator"):
            if not os.path.exists(program):
                raise Failed(f"{program} is not there")
        self.generator = Generator(world, f"{programs}/bridle-switch-generator", generator_core)
        self.made = 0
        self.idle_guests = []

    # -- switches ----------------------------------------------------------------------------
    def guests(self, tag, numbers):
        return [Guest(self.world.folder, tag, number) for number in numbers]

    def bridle(self, tag, guests, idle=()):
        return Bridle(self.world, self.program, self.switch_core, [*guests, *idle], tag)

    def ovs(self, tag, guests, idle=(), settings=()):
        return ovs.Ovs(self.world, self.switch_core, [*guests, *idle], tag, settings)

    def testpmd(self, tag, guests):
        return testpmd.Testpmd(self.world, self.switch_core, guests, tag)

    def has_testpmd(self):
        return testpmd.is_there(self.world)

    def has_ovs(self):
        return ovs.is_there(self.world)

    def join(self, switch, guests, idle=()):
        """The guests' sides of its ports; it runs, and stops when all are connected."""
        silent = [IdleGuest(guest) for guest in idle]
        self.idle_guests += silent
        for guest in guests:
            self.generator.open(guest)
        self.generator.ask("up", ms=20000, port=",".join(str(g.number) for g in guests))
        connect_all(silent)
        self.settle(switch)
        stop(switch)

    def settle(self, switch):
        """Until frames pass, both ways between the first two guests (who has not sent is unknown to
        a switch that learns)."""
        a, b = switch.guests[:2]

        def passes():
            seen = self.generator.window(0, [(a, b, 64), (b, a, 64)], 20, warm=1000)
            return min(seen["received"]) > 0
        wait_for(passes, 20, f"{switch.label} passes frames: {self.world.tail(switch.name)}")

    def introduce(self, switch, pairs):
        """Each of these has sent to the other: a switch that learns knows where they are."""
        flows = [(x, y, 64) for a, b in pairs for x, y in ((a, b), (b, a))]
        self.generator.window(switch.pid, flows, 20)

    def drop(self, switch):
        end(switch.child)

    def join_idle(self, switch, idle):
        """More silent guests of a switch that has their ports already."""
        go_on(switch)
        silent = [IdleGuest(guest) for guest in idle]
        self.idle_guests += silent
        connect_all(silent)
        stop(switch)

    def versions(self):
        """Of the generator's packet library (testpmd's, too) and of OVS, where it is."""
        found = {"generator": self.generator.ask("version")["dpdk"]}
        return found | ({ovs.NAME: ovs.version()} if self.has_ovs() else {})

    def close(self):
        for guest in self.idle_guests:
            guest.close()


def stop(switch):
    os.kill(switch.pid, signal.SIGSTOP)


def go_on(switch):
    os.kill(switch.pid, signal.SIGCONT)


def in_turn(switches, rounds, measure):
    """measure(switch) for each, back and forth: the results of each by its place. A switch in the
    middle is measured beside both others in every round."""
    seen = [[] for _ in switches]
    order = list(range(len(switches)))
    for number in range(rounds):
        for place in order:
            seen[place].append(measure(switches[place]))
        order.reverse()
        if sum(map(len, seen)) and number % 5 == 4:
            say(f"round {number + 1} of {rounds}")
    return seen
