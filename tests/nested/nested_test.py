#!/usr/bin/env python3
"""The package on real KVM and real cgroup v2, inside a guest under TCG: installed, `bridle up`, `bridle
selftest`, a benchmark, a reboot, an upgrade, `bridle down --purge`, purged.

    nested_test.py BUILD IMAGES      BUILD has bin/ and the .deb; IMAGES is what make_image made
    nested_test.py --boots N BUILD IMAGES    how many of N boots come up, and in how long
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from outer import Outer

HERE = pathlib.Path(__file__).resolve().parent
# What the kernel's own KVM does under an emulated CPU is slow, and slower on a busy machine.
PATIENCE = float(os.environ.get("BRIDLE_NESTED_PATIENCE", "4"))


class Tier:
    def __init__(self, outer):
        self.outer = outer
        self.begin = self.last = time.monotonic()

    def step(self, what, command, seconds=60):
        output = self.outer.must(command, seconds * PATIENCE)
        self.told(what)
        return output

    def told(self, what):
        now = time.monotonic()
        print(f"{now - self.last:7.1f} s  {what}", flush=True)
        self.last = now


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def install(tier):
    tier.step("payload unpacked", "mkdir -p /payload && tar -x -f /dev/vdb -C /payload")
    tier.step("package installed", "dpkg -i /payload/bridle.deb", 120)
    uid = tier.outer.must("id -u bridle").strip()
    tier.step("root prepared", "/usr/lib/bridle/bridle-supervise --root /var/lib/bridle --prepare-only")
    check(tier.outer.must("stat -c %u /var/lib/bridle/state").strip() == uid,
          "sysusers.d and the layout of the root disagree about the daemon's uid")
    tier.step("downloads in place",
              "cp -r /payload/archives /payload/sets /var/lib/bridle/cache/ && "
              "chown -R --reference=/var/lib/bridle/cache /var/lib/bridle/cache && "
              "touch /var/lib/bridle/cache/sets/*")


def run_lab(tier):
    tier.step("bridle up", "bridle up --guests 2 2>&1", 300)
    output = tier.step("bridle selftest", "bridle selftest --json", 300)
    proof = json.loads(output[output.index("{"):])
    check(proof["ok"] and proof["engine"] == "kvm", f"selftest: {proof}")
    print("           " + ", ".join(f"{r['name']} {r['value']} ms" for r in proof["results"]))


def check_cgroups(tier):
    """Real v2 controllers: what the guests' groups say and hold."""
    group = "/sys/fs/cgroup/$(/usr/lib/bridle/bridle-jail --root /var/lib/bridle --cgroup)"
    uid = tier.outer.must("bridle -p lab get machine guest-1 -o yaml | sed -n 's/^  uid: //p'").strip()
    guest = f"{group}/{uid}"
    check(tier.outer.must(f"cat {guest}/vcpu/cgroup.type").strip() == "threaded", "vcpu is threaded")
    threads = tier.outer.must(f"cat {guest}/vcpu/cgroup.threads").split()
    check(len(threads) == 1, f"vcpu threads: {threads}")
    names = tier.outer.must(f"cat /proc/{threads[0]}/comm")
    check(names.startswith("CPU 0/KVM"), f"the vCPU's thread: {names}")
    usage = int(tier.outer.must(f"sed -n 's/usage_usec //p' {guest}/vcpu/cpu.stat"))
    check(usage > 0, "the vCPU's time is counted")
    check(int(tier.outer.must(f"cat {guest}/memory.current")) > 16 << 20, "its memory is counted")
    check(tier.outer.must(f"cat {guest}/pids.max").strip() != "max", "its threads are limited")
    notes = tier.outer.must("bridle host show")
    check("soft" not in notes and "pressure" not in notes, f"host show: {notes}")
    tier.outer.must("bridle -p lab machine define limited --image tiny --cpu-share 0:200m:1000 "
                    "--memory-share 0:192MiB --start --wait 2>&1", 120 * PATIENCE)
    uid = tier.outer.must("bridle -p lab get machine limited -o yaml | sed -n 's/^  uid: //p'").strip()
    check(tier.outer.must(f"cat {group}/{uid}/vcpu/cpu.max").split() == ["20000", "100000"], "cpu.max")
    most = int(tier.outer.must(f"cat {group}/{uid}/memory.max"))
    check(most == (192 + 128) << 20, f"memory.max is the guest's limit and QEMU's own 128 MiB: {most}")
    tier.step("cgroup v2: threads placed, limits set, usage counted",
              "bridle -p lab delete machine limited --wait 2>&1")


def reboot(tier):
    before = tier.outer.must("bridle -p lab get machines -o name | sort")
    # Not at once: the agent that has to answer is ended by it.
    tier.outer.must("(sleep 1; systemctl reboot) >/dev/null 2>&1 </dev/null &")
    tier.outer.wait_ready(180 * PATIENCE)
    tier.told("rebooted")
    stopped = tier.outer.must("journalctl -u bridle-guests -b -1 --no-pager -o cat")
    check("stopped its machines" in stopped, f"the guests were stopped before the host went down: {stopped}")
    tier.step("guests run again after the reboot",
              "for i in $(seq 300); do bridle version >/dev/null 2>&1 && break; sleep 0.2; done; "
              "bridle -p lab wait machine guest-1 guest-2 --for phase=running --timeout 300s 2>&1", 300)
    after = tier.outer.must("bridle -p lab get machines -o name | sort")
    check(before == after, f"guests before {before}, after {after}")
    tier.step("the ledger verifies", "bridle ledger verify 2>&1")


def confined(tier):
    """What the service makes of bridled: the same as the supervisor elsewhere."""
    pid = tier.outer.must("cat /var/lib/bridle/run/bridled.pid").strip()
    status = dict(line.split(":\t", 1) for line in tier.outer.must(f"cat /proc/{pid}/status").splitlines()
                  if ":\t" in line)
    check(status["Uid"].split() == [tier.outer.must("id -u bridle").strip()] * 4, f"uid {status['Uid']}")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        check(int(status[name], 16) == 0, f"bridled's {name} is {status[name]}")
    check(status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", "no_new_privs and a filter")
    check(int(status["Seccomp_filters"]) >= 2, "systemd's filter and Bridle's own")
    limits = tier.outer.must(f"cat /proc/{pid}/limits")
    core = [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")]
    check(core == [["0", "0"]], f"bridled may dump core: {core}")
    tier.told("bridled is confined")


def upgrade(tier):
    pids = "bridle -p lab get machines -o yaml | sed -n 's/^ *pid: //p'"
    before = tier.outer.must(pids)
    check(len(before.split()) == 2, f"two guests run: {before}")
    old = tier.outer.must("dpkg-query -W -f '${Version}' bridle")
    for package, what in (("bridle-next", "a newer package"), ("bridle", "the older one again")):
        tier.step(f"{what} installed under running guests", f"dpkg -i /payload/{package}.deb 2>&1", 120)
        version = tier.outer.must("dpkg-query -W -f '${Version}' bridle")
        check((version == old) == (package == "bridle"), f"installed {version}")
        said = tier.outer.must("bridle version")
        check(f"bridled {version}" in said, f"of {version}, bridled says: {said}")
        check(tier.outer.must(pids) == before, "the guests are the same processes")
    tier.outer.must("bridle -p lab --reason test machine exec guest-1 -- true", 30 * PATIENCE)


def bench(tier):
    output = tier.step("bridle bench machine --quick --json", "bridle bench machine --quick --json 2>&1", 600)
    report = json.loads(output[output.index("{\""):])
    check(report["engine"] == "kvm", f"the benchmark's engine: {report['engine']}")
    shown = [f"{r['name']} {r['value']:.3g} {r['unit']}" for r in report["results"]]
    print(f"           engine: {report['engine']}; " + ", ".join(shown))


def purge(tier):
    tier.step("bridle down --purge", "bridle down --purge 2>&1", 120)
    tier.step("package purged", "dpkg --purge bridle 2>&1", 60)
    left = tier.outer.must(
        "find / -xdev -path /payload -prune -o -iname '*bridle*' -print | grep -v ^/run/credentials; "
        "getent passwd bridle; find /sys/fs/cgroup -name '*bridle*'; "
        "pgrep -a 'bridle|qemu' || true")
    left = [line for line in left.splitlines() if not line.startswith("/var/log/")
            and not line.startswith("/var/lib/dpkg/") and not line.startswith("/var/cache/")]
    check(not left, f"left behind: {left}")
    tier.told("nothing is left")


def run_tier(images, payload, folder):
    with Outer(images, payload, folder) as outer:
        tier = Tier(outer)
        outer.wait_ready(180 * PATIENCE)
        tier.told("the outer guest is up")
        engine = outer.must("test -c /dev/kvm && cat /sys/fs/cgroup/cgroup.controllers")
        check("memory" in engine and "cpu" in engine, f"cgroup v2 controllers: {engine}")
        for part in (install, run_lab, confined, check_cgroups, upgrade, bench, reboot, purge):
            part(tier)
        print(f"nested: passed in {(time.monotonic() - tier.begin) / 60:.1f} minutes", flush=True)


def count_boots(count, images, payload, folder):
    times = []
    for i in range(count):
        begin = time.monotonic()
        try:
            with Outer(images, payload, f"{folder}/{i}") as outer:
                outer.wait_ready(180)
                outer.must("test -c /dev/kvm")
            times.append(time.monotonic() - begin)
        except AssertionError as failed:
            print(f"boot {i}: {failed}", file=sys.stderr)
        shutil.rmtree(f"{folder}/{i}", ignore_errors=True)
    print(f"{len(times)} of {count} boots came up; seconds: "
          + " ".join(f"{t:.0f}" for t in sorted(times)))
    return len(times) == count


def main():
    arguments = sys.argv[1:]
    boots = 0
    if arguments[:1] == ["--boots"]:
        boots, arguments = int(arguments[1]), arguments[2:]
    build, images = map(pathlib.Path, arguments)
    with tempfile.TemporaryDirectory(prefix="bridle-nested-") as folder:
        payload = f"{folder}/payload.tar"
        deb, = build.glob("bridle_*.deb")
        subprocess.run([HERE / "payload", deb, build / "bin/bridle-image-helper", payload], check=True)
        if boots:
            return 0 if count_boots(boots, images, payload, folder) else 1
        run_tier(images, payload, f"{folder}/outer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
