"""bridle-bench-switch [--root ROOT] [--json] [--quick] [--only NAME]...

Measures bridle-switch between guests that a generator plays (bulk: between real ones), beside what
else is installed: testpmd (package dpdk-dev) and OVS-DPDK (package openvswitch-switch-dpdk). Results
l2_64, l2_1500, idle_ports, idle, wake, restart_gap, noisy and bulk: see the module of each and
docs/switch-performance.md. It needs two cores and root, and takes 2 MB huge pages for its time where
it can (host.huge_pages_mb in the output; without them OVS is left out).

Everything runs in namespaces and a folder of its own, and is gone afterwards. --quick takes fewer and
shorter samples and leaves bulk out: under a minute. Exit status: 0 measured (whatever the figures),
1 something failed, 2 wrong use."""
import argparse
import os
import sys
import time

import bulk
import idle
import idle_ports
import l2
import noisy
import report
import restart
from boot_files import BootFiles
from host import Failed, Host, say
from lab import Lab
from world import World, leave_network

RESULTS = ("l2_64", "l2_1500", "idle_ports", "idle", "wake", "restart_gap", "noisy", "bulk")
HUGE_MB = 2400


def arguments():
    parser = argparse.ArgumentParser(prog="bridle-bench-switch", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="/var/lib/bridle", help="where bulk's image is, if any")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer samples, without bulk")
    parser.add_argument("--list", action="store_true", help="the names of the results")
    parser.add_argument("--no-huge", action="store_true", help="measure without huge pages")
    parser.add_argument("--only", action="append", choices=RESULTS, help="may be repeated")
    parser.add_argument("--programs", default=os.path.dirname(os.path.abspath(sys.argv[0])),
                        help="folder of bridle-switch and its siblings")
    return parser.parse_args()


class Bench:
    """The measurements in an order in which each finds the switches of those before it."""

    def __init__(self, lab, wanted, quick):
        self.lab, self.wanted, self.quick = lab, set(wanted), quick
        self.rounds, self.ms = (5, 60) if quick else (15, 200)
        self.results = []

    def wants(self, *names):
        return bool(self.wanted & set(names))

    def start(self, kind, tag, guests, idle=()):
        switch = kind(tag, guests, idle) if idle else kind(tag, guests)
        self.lab.join(switch, guests, idle)
        return switch

    def run(self):
        lab = self.lab
        kinds = [("b", lab.bridle)] + ([("o", lab.ovs)] if lab.has_ovs() else [])
        switches = [self.start(kind, tag, lab.guests(tag, range(2))) for tag, kind in kinds]
        self.layer2(switches)
        if self.wants("idle_ports", "idle", "wake"):
            self.many_ports(kinds, switches)
        if self.wants("restart_gap"):
            say("restart_gap")
            self.results += restart.measure(lab, switches, 2 if self.quick else 7)
        for switch in switches:
            lab.drop(switch)
        if self.wants("noisy"):
            say("noisy")
            four = [self.start(kind, f"{tag}4", lab.guests(f"{tag}4", range(4)))
                    for tag, kind in kinds]
            self.results += noisy.measure(lab, four, self.rounds, self.ms)
            for switch in four:
                lab.drop(switch)

    def layer2(self, switches):
        sizes = [size for size in (64, 1500) if f"l2_{size}" in self.wanted]
        if not sizes:
            return
        floor = [self.start(self.lab.testpmd, "t", self.lab.guests("t", range(2)))] \
            if self.lab.has_testpmd() else []
        for size in sizes:
            say(f"l2_{size}")
            turn = [switches[0], *floor, *switches[1:]]
            self.results += l2.measure(self.lab, turn, size, self.rounds, self.ms)
        for switch in floor:
            self.lab.drop(switch)

    def many_ports(self, kinds, switches):
        """The same switches with idle ports: 30 for idle_ports, then 62 (64 in all) for the rest."""
        lab, many = self.lab, []
        for tag, kind in kinds:
            name = f"{tag}30"
            many.append(self.start(kind, name, lab.guests(name, range(2)),
                                   lab.guests(name, range(2, 2 + idle_ports.IDLE))))
        if self.wants("idle_ports"):
            say("idle_ports")
            self.results += idle_ports.measure(lab, list(zip(switches, many)), self.rounds, self.ms)
        if self.wants("idle", "wake"):
            say("idle, wake")
            for (tag, _), switch in zip(kinds, many):
                idle.grow(lab, switch, f"{tag}30", idle.PORTS)
            count = (2, 1, 21) if self.quick else (7, 2, 101)
            self.results += [r for r in idle.measure(lab, many, *count) if r.name in self.wanted]
        for switch in many:
            lab.drop(switch)


def ask_host(args, world, wanted):
    """Version, engine and what bulk boots, from a host: the one at --root or a short-lived one."""
    host = Host.find_or_start(args.root, args.programs)
    try:
        version = host.need("GET", "/version")
        files = None
        if "bulk" in wanted:
            host.need_image("tiny")
            files = BootFiles(world.folder, host.root)
        return version.get("revision") or version.get("version", "unknown"), host.engine(), files
    finally:
        host.end()


def measure(args, wanted, facts):
    with World(HUGE_MB, not args.no_huge) as world:
        facts["huge_pages_mb"] = world.reserved * 2
        revision, engine, files = ask_host(args, world, wanted)
        leave_network()
        lab = Lab(world, args.programs)
        try:
            bench = Bench(lab, wanted, args.quick)
            if set(wanted) - {"bulk"}:
                bench.run()
            if "bulk" in wanted:
                rounds = 3 if args.quick else 7
                bench.results += bulk.measure(lab, files, engine or "tcg", rounds, 4)
        finally:
            lab.close()
        facts["tsc_hz"] = lab.generator.hz
        facts["versions"] = lab.versions()
    return revision, engine, bench.results


def main():
    args = arguments()
    if args.list:
        print("\n".join(RESULTS))
        return 0
    if os.geteuid() != 0:
        print("bridle-bench-switch: run as root: it makes namespaces and reserves huge pages",
              file=sys.stderr)
        return 1
    wanted = args.only or [r for r in RESULTS if not (args.quick and r == "bulk")]
    facts, began = report.host_facts(), time.monotonic()
    try:
        revision, engine, results = measure(args, wanted, facts)
    except Failed as failed:
        print(f"bridle-bench-switch: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    facts["seconds"] = round(time.monotonic() - began)
    show = report.print_json if args.json else report.print_table
    show("switch", revision, engine, facts, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
