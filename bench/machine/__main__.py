"""bridle-bench-machine [--root ROOT] [--json] [--quick] [--only NAME]...

Measures what Bridle costs on this host; results start_overhead, pss and shares (see the module of
each). Uses the host that runs at ROOT, in a project of its own, or starts one of its own in a
temporary root and ends it. --quick takes under a minute once the tiny image is there, and leaves
pss out. Exit status: 0 measured (whatever the figures), 1 something failed, 2 wrong use."""
import argparse
import os
import sys

import pss
import report
import shares
import start_overhead
from host import Failed, Host, say

RESULTS = ("start_overhead", "pss", "shares")


def arguments():
    parser = argparse.ArgumentParser(prog="bridle-bench-machine", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="/var/lib/bridle")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer samples, without pss")
    parser.add_argument("--only", action="append", choices=RESULTS, help="may be repeated")
    parser.add_argument("--programs", default=os.path.dirname(os.path.abspath(sys.argv[0])),
                        help="folder of bridle, bridled and their siblings")
    return parser.parse_args()


def measure(host, wanted, quick, facts):
    results = []
    if "start_overhead" in wanted:
        say("start_overhead")
        result, facts["volume"] = start_overhead.measure(host, 15 if quick else 41)
        results.append(result)
    if "shares" in wanted:
        say("shares")
        results.append(shares.measure(host, 4 if quick else 8))
    if "pss" in wanted:
        say("pss")
        results.append(pss.measure(host))
    return results


def main():
    args = arguments()
    if os.geteuid() != 0:
        print("bridle-bench-machine: run as root: it reads /proc of every process",
              file=sys.stderr)
        return 1
    wanted = args.only or [r for r in RESULTS if not (args.quick and r == "pss")]
    facts = report.host_facts()
    try:
        host = Host.find_or_start(args.root, args.programs)
        try:
            host.need_image("tiny")
            if host.own and not args.quick and "start_overhead" in wanted:
                host.need_image("debian")
            results = measure(host, wanted, args.quick, facts)
            version = host.need("GET", "/version")
            engine = host.engine()
        finally:
            host.end()
    except Failed as failed:
        print(f"bridle-bench-machine: {failed}", file=sys.stderr)
        return 1
    show = report.print_json if args.json else report.print_table
    show("machine", version.get("revision") or version.get("version", "unknown"), engine, facts,
         results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
