"""bridle-bench-api [--root ROOT] [--json] [--quick] [--only NAME]...

Measures the API of a host of its own, in a temporary root, over TLS on the loopback: get_p99, list,
watchers, backup (with 10,000 machines) and restart_adopt (with 50 guests running). See the module
of each. --root is only where downloads are taken from. --quick defines 2,000 machines, takes fewer
samples and leaves restart_adopt out. Exit status: 0 measured (whatever the figures), 1 something
failed, 2 wrong use."""
import argparse
import os
import resource
import sys
import tempfile

import adoption
import backup
import gets
import listing
import report
import watchers
from host import Failed, Host, say
from network import Network

RESULTS = ("restart_adopt", "get_p99", "list", "watchers", "backup")
MACHINES, QUICK_MACHINES = 10_000, 2_000


def arguments():
    parser = argparse.ArgumentParser(prog="bridle-bench-api", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="/var/lib/bridle")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer samples, without restart_adopt")
    parser.add_argument("--only", action="append", choices=RESULTS, help="may be repeated")
    parser.add_argument("--programs", default=os.path.dirname(os.path.abspath(sys.argv[0])),
                        help="folder of bridle, bridled and their siblings")
    return parser.parse_args()


def own_host(root, programs):
    host = Host(tempfile.mkdtemp(prefix="bridle-bench-", dir="/tmp"), programs)
    host.own = True
    try:
        host.start(cache=f"{root}/cache")
    except BaseException:
        host.end()
        raise
    return host


def measure(host, wanted, quick):
    results = []
    if "restart_adopt" in wanted:
        say("restart_adopt")
        results.append(adoption.measure(host, 3 if quick else 7))
    if set(wanted) - {"restart_adopt"}:
        network = Network(host)
        machines = QUICK_MACHINES if quick else MACHINES
        network.define(machines)
        if "get_p99" in wanted:
            say("get_p99")
            results.append(gets.measure(network, machines, 3 if quick else 7))
        if "list" in wanted:
            say("list")
            results.append(listing.measure(network, machines, 5 if quick else 11))
        if "watchers" in wanted:
            say("watchers")
            results.append(watchers.measure(network, machines, 5 if quick else 15))
        if "backup" in wanted:
            say("backup")
            results.append(backup.measure(host, machines, 3 if quick else 5))
    return results


def main():
    args = arguments()
    if os.geteuid() != 0:
        print("bridle-bench-api: run as root: it starts a host of its own", file=sys.stderr)
        return 1
    wanted = args.only or [r for r in RESULTS if not (args.quick and r == "restart_adopt")]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    facts = report.host_facts()
    try:
        host = own_host(args.root, args.programs)
        try:
            results = measure(host, wanted, args.quick)
            version = host.need("GET", "/version")
            engine = host.engine()
        finally:
            host.end()
    except Failed as failed:
        print(f"bridle-bench-api: {failed}", file=sys.stderr)
        return 1
    show = report.print_json if args.json else report.print_table
    show("api", version.get("revision") or version.get("version", "unknown"), engine, facts, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
