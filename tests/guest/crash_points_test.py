#!/usr/bin/env python3
"""Every crash point of every program of a host (bridled, jail with attendants, supervisor, image
helpers, backup and restore), hit once with guests running: the process that reaches the point is killed
there, and then no guest is lost, doubled or orphaned, every wish is fulfilled, the ledger is closed, and
nothing is left half done.

The points are those that the build of build/crash enumerates. Which act reaches which point is found
out by doing every act once, unarmed; a point that no act reaches is a failure. Prints the table
crash point x outcome.

  crash_points_test.py              all acts, and 24 points chosen at random (BRIDLE_SEED: the same again)
  crash_points_test.py --all        each point once
  crash_points_test.py POINT...     only these, e.g. bridled:ledger.sync
  BRIDLE_SOAK=1                     each point the 1st, 2nd, 4th and 8th time that an act reaches it
"""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

import host
import jail_records
from crash_slots import Slots, listed
from host import Failed, Host, wait_for

SOAK = os.environ.get("BRIDLE_SOAK") == "1"
TIMES = (1, 2, 4, 8) if SOAK else (1,)
SAMPLE = 24
SEED_OF_SAMPLE = int(os.environ.get("BRIDLE_SEED", random.randrange(1 << 32)))
ROOT = os.environ.get("BRIDLE_CRASH_ROOT", "/tmp/bridle-crash-tier")
# What only the end of a host reaches is hit by ending it (purge_at).
PURGE = ("bridle-jail:file.remove", "bridle-jail:purge.rmdir")
RUNNING, PAUSED, STOPPED = "running", "paused", "stopped"
PHASES = {RUNNING: "running", PAUSED: "paused", STOPPED: "defined"}
KEPT = ("keep-a", "keep-b")
SEED = {"hostname": "victim", "run": ["true"]}


class World:
    """A host of build/crash with two guests that must not be touched, and what is wished of it."""

    def __init__(self, slots):
        self.slots = slots
        self.host = Host(root=ROOT, project="crash")
        self.shared = Host(root=ROOT, project="shared")
        self.machines = {}  # name -> power
        self.volumes = set()
        self.kept_pids = None
        self.restarts = 0

    # -- wishes: repeated until they have an answer, for a call that is cut off may not have counted
    def insist(self, ask, what):
        deadline = time.monotonic() + 60
        while True:
            self.mind_supervisor()
            done = ask()
            if done.returncode in (0, 3):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"no answer to {what}: {done.returncode} {done.stderr}")
            time.sleep(0.1)

    def apply(self, what):
        self.insist(lambda: self.host.run("apply", "-f", "-", input=json.dumps(what), check=False),
                    f"apply {what['kind']} {what['metadata']['name']}")

    def want(self, name, power, **spec):
        self.machines[name] = power
        self.apply(self.host.machine(name, power=power, restart="always", stopTimeout="1s", **spec))

    def want_volume(self, name, form, size="1MiB"):
        self.volumes.add(f"{name}.{form}")
        self.apply({"apiVersion": "bridle/v1", "kind": "Volume",
                    "metadata": {"name": name, "project": "crash"},
                    "spec": {"size": size, "format": form}})

    def forget(self, kind, name):
        self.insist(lambda: self.host.run("delete", kind, name, check=False), f"delete {kind} {name}")
        self.machines.pop(name, None)
        self.volumes = {v for v in self.volumes if kind != "volume" or not v.startswith(name + ".")}

    def mind_supervisor(self):
        """The supervisor has none of its own: whoever runs the host starts it again."""
        if self.host.pid_of("bridle-supervise"):
            return
        wait_for(lambda: not self.host.pid_of("bridled"), 20, "bridled follows its supervisor")
        self.restarts += 1
        try:
            self.host.start()
        except AssertionError:
            if self.host.pid_of("bridle-supervise"):
                raise

    # -- what must hold when a wish was made and somebody was killed meanwhile
    def settle(self):
        wait_for(self.as_wished, 90, "every wish is fulfilled", self.explain)
        wait_for(lambda: not self.open_intents(), 30, "the ledger is closed", self.open_intents)
        wait_for(lambda: not self.leftovers(), 30, "nothing is left half done", self.leftovers)
        self.check_twins()

    def as_wished(self):
        self.mind_supervisor()
        try:
            seen = {m["metadata"]["name"]: m["status"] for m in self.host.list("machines")}
            volumes = {v["metadata"]["name"] + "." + v["spec"].get("format", "qcow2"): v["status"].get("phase")
                       for v in self.host.list("volumes")}
            busy = [o for o in self.host.list("operations") if o["status"].get("phase") in ("pending", "running")]
        except (Failed, KeyError):
            return False
        alive = {s["pid"] for s in seen.values() if s.get("phase") in ("running", "paused")}
        real = host.qemu_processes(ROOT)
        return ({n: s.get("phase") for n, s in seen.items()} == {n: PHASES[p] for n, p in self.machines.items()}
                and volumes == {v: "ready" for v in self.volumes} and not busy
                and alive == {p for pids in real.values() for p in pids})

    def explain(self):
        return {"wished": self.machines, "volumes": self.volumes, "real": host.qemu_processes(ROOT),
                "seen": self.host.run("get", "machines,volumes,operations", "-o", "json", check=False).stdout[-4000:]}

    def entries(self):
        with open(f"{ROOT}/state/ledger/ledger.log", encoding="ascii") as file:
            return [json.loads(line.split("\t")[0]) for line in file if line.endswith("\n")]

    def open_intents(self):
        entries = self.entries()
        closed = {e["of"] for e in entries if e["phase"] == "outcome"}
        return [e for e in entries if e["phase"] == "intent" and e["seq"] not in closed]

    def leftovers(self):
        """Files and groups that belong to nothing that is wished."""
        left = [str(p) for p in pathlib.Path(ROOT).rglob("*.incomplete") if "/cache/" not in str(p)]
        left += [str(p) for p in pathlib.Path(ROOT, "run").glob("*.pid.*")]
        running = sum(power != STOPPED for power in self.machines.values())
        for folder, count in (("run/g", running), ("images/incoming", 0)):
            names = os.listdir(f"{ROOT}/{folder}")
            if len(names) != count:
                left.append(f"{folder}: {names}")
        uploads = pathlib.Path(ROOT, "volumes/uploads")
        left += [str(p) for p in uploads.iterdir()] if uploads.exists() else []
        files = [n for n in os.listdir(f"{ROOT}/volumes") if n not in ("seeds", "uploads")]
        if len(files) != len(self.volumes):
            left.append(f"volumes: {files}")
        if len(self.attendants()) != running:
            left.append(f"attendants: {self.attendants()}")
        for tree in self.cgroups():
            groups = [p for p in tree.iterdir() if p.is_dir() and p.name not in ("attendants", "helpers", "switches")]
            if len(groups) != running:
                left.append(f"{tree}: {[p.name for p in groups]}")
        return left

    def cgroups(self):
        name = subprocess.run([host.BIN / "bridle-jail", "--root", ROOT, "--cgroup"], check=True,
                              capture_output=True, text=True).stdout.strip()
        return [p for p in pathlib.Path("/sys/fs/cgroup").glob(f"**/{name}") if p.is_dir()]

    def check_twins(self):
        for uuid, pids in host.qemu_processes(ROOT).items():
            if len(pids) != 1:
                raise AssertionError(f"{uuid} runs twice: {pids}")

    def pids(self):
        return {name: self.host.get("machine", name)["status"]["pid"] for name in KEPT}

    # -- processes
    def kill(self, which, number=signal.SIGKILL):
        for pid in which:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def attendants(self):
        jail = self.host.pid_of("bridle-jail")
        return [p for p, name in self.host.processes() if name == "bridle-jail" and p != jail]

    def end_supervisor(self):
        pid = self.host.pid_of("bridle-supervise")
        if pid:
            self.kill([pid], signal.SIGTERM)
            wait_for(lambda: not self.host.pid_of("bridle-supervise"), 30, "the supervisor ends")

    def fresh_supervisor(self):
        """One that has not learned to be slow."""
        self.end_supervisor()
        self.mind_supervisor()


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])


# ---- acts: each begins and ends with the kept guests and nothing else; `before` is not under test

class Act:
    restarts_guest = False

    def __init__(self, world):
        self.world = world

    def before(self):
        """What the act needs."""

    def act(self):
        """The act."""

    def after(self):
        """Back to the beginning."""


class Start(Act):
    def before(self):
        self.world.want_volume("disk", "qcow2")

    def act(self):
        self.world.want("victim", RUNNING, seed=SEED, disks=[{"name": "d0", "volume": "disk"}])

    def after(self):
        self.world.forget("machine", "victim")
        self.world.settle()
        self.world.forget("volume", "disk")


class Stop(Start):
    def before(self):
        super().before()
        super().act()
        self.world.settle()

    def act(self):
        self.world.want("victim", STOPPED, seed=SEED, disks=[{"name": "d0", "volume": "disk"}])


class Pause(Stop):
    def act(self):
        self.world.want("victim", PAUSED, seed=SEED, disks=[{"name": "d0", "volume": "disk"}])


class Delete(Stop):
    def act(self):
        self.world.forget("machine", "victim")

    def after(self):
        self.world.forget("volume", "disk")


class Volumes(Act):
    def act(self):
        self.world.want_volume("raw", "raw")
        self.world.want_volume("layered", "qcow2")
        wait_for(self.world.as_wished, 60, "both volumes are there", self.world.explain)
        for name in ("raw", "layered"):
            self.world.forget("volume", name)


class Resize(Act):
    FORMS = ("raw", "qcow2")

    def before(self):
        for form in self.FORMS:
            self.world.want_volume("grows-" + form, form)

    def act(self):
        for form in self.FORMS:
            self.world.want_volume("grows-" + form, form, size="3MiB")
        wait_for(self.grown, 60, "both volumes are larger", self.world.explain)

    def grown(self):
        self.world.mind_supervisor()
        try:
            volumes = [self.world.host.get("volume", "grows-" + form) for form in self.FORMS]
        except Failed:
            return False
        return all(v["status"].get("size") in ("3MiB", 3 << 20) for v in volumes)

    def after(self):
        for form in self.FORMS:
            self.world.forget("volume", "grows-" + form)


class KillDaemon(Act):
    def act(self):
        self.world.kill([self.world.host.pid_of("bridled")])
        self.world.host.wait_up()


class EndDaemon(Act):
    def act(self):
        self.world.kill([self.world.host.pid_of("bridled")], signal.SIGTERM)


class KillJail(Act):
    def act(self):
        jail = self.world.host.pid_of("bridle-jail")
        self.world.kill([jail])

        def is_another():
            self.world.mind_supervisor()
            return int(pathlib.Path(ROOT, "run/jail.pid").read_text("ascii")) != jail
        wait_for(is_another, 30, "another jail runs")


class KillAttendants(Act):
    def act(self):
        self.world.kill(self.world.attendants())


class KillQemu(Act):
    restarts_guest = True

    def act(self):
        self.world.kill([self.world.pids()[KEPT[0]]])


class KillQemuOfTheJail(Stop):
    """Its attendant was killed before: the jail, whose grandchild it is, becomes the parent and leaves
    the exit note."""

    def before(self):
        super().before()
        self.qemu = self.world.host.get("machine", "victim")["status"]["pid"]
        self.world.kill([parent_of(self.qemu)])
        self.world.settle()

    def act(self):
        self.world.kill([self.qemu])


class Console(Act):
    def act(self):
        for _ in range(20):
            done = subprocess.run([os.path.join(os.path.dirname(__file__), "console_compute"), host.BIN / "bridle",
                                   ROOT, "crash", KEPT[0], "20"], capture_output=True, check=False)
            self.world.mind_supervisor()
            if done.returncode == 0:
                return
        raise AssertionError("the console never answered")


class Execute(Act):
    def act(self):
        self.world.insist(lambda: self.world.host.run("machine", "exec", KEPT[0], "--", "true", check=False), "exec")


class EndSupervisor(Act):
    def act(self):
        self.world.end_supervisor()


class TornLedger(Act):
    """The host died while the ledger's last line was on its way to the disk."""

    def before(self):
        self.world.end_supervisor()
        with open(f"{ROOT}/state/ledger/ledger.log", "ab") as file:
            file.write(b'{"seq":')

    def act(self):
        self.world.mind_supervisor()

    def after(self):
        done = self.world.host.run("ledger", "verify")
        assert "intact" in done.stdout, done.stdout


class Build(Act):
    """Everything but the packages is made again, into a store without parts."""

    def before(self):
        for name in os.listdir(f"{ROOT}/images/manifests"):
            os.unlink(f"{ROOT}/images/manifests/{name}")
        for name in os.listdir(f"{ROOT}/images/parts"):
            os.unlink(f"{ROOT}/images/parts/{name}")

    def act(self):
        for _ in range(5):
            self.world.mind_supervisor()
            done = self.world.shared.run("image", "build", "tiny", "--no-progress", check=False)
            image = self.world.shared.get("image", "tiny") if done.returncode == 0 else None
            if image and image["status"]["phase"] == "ready":
                return
            time.sleep(0.5)
        raise AssertionError(f"the image is not built: {done.stdout}{done.stderr}")


class Import(Act):
    """A disk comes from the outside. `kept`: what an earlier transfer of that file left."""
    FILE = bytes(range(256)) * 4096 + b"\x55\xaa" * 256
    kept = b""

    def before(self):
        self.path = f"{ROOT}/disk.raw"
        pathlib.Path(self.path).write_bytes(self.FILE)

    def leave_kept(self):
        uploads = pathlib.Path(ROOT, "volumes/uploads")
        digest = hashlib.sha256(self.FILE).hexdigest()
        file = uploads / hashlib.sha256(f"crash\n{digest}".encode()).hexdigest()[:40]
        file.write_bytes(self.kept)
        os.chown(file, uploads.stat().st_uid, uploads.stat().st_gid)

    def act(self):
        if self.kept:
            self.leave_kept()
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            self.world.mind_supervisor()
            done = self.world.host.run("image", "import", self.path, "--name", "disk",
                                       "--format", "raw", "--no-progress", check=False)
            try:
                image = self.world.host.get("image", "disk")
            except Failed:
                image = None
            if image and image["status"].get("phase") == "ready":
                return self.check(image["status"])
            time.sleep(0.5)
        raise AssertionError(f"the disk is not imported: {done.stdout}{done.stderr}")

    def check(self, status):
        """What is in the store is the file, byte for byte."""
        part = f"{ROOT}/images/parts/{status['disk']['digest']}"
        assert hashlib.sha256(pathlib.Path(part).read_bytes()).hexdigest() == status["disk"]["digest"]
        subprocess.run(["qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", self.path, part], check=True)

    def after(self):
        self.world.forget("image", "disk")


class ImportOverMore(Import):
    kept = Import.FILE + bytes(4096)


class ImportOverOther(Import):
    kept = bytes(4096)


class StopGuests(Act):
    """The host is shut down: its supervisor stops the guests first."""
    restarts_guest = True

    def before(self):
        self.world.end_supervisor()
        with open(f"{ROOT}/supervise.log", "ab") as log:
            subprocess.Popen([host.BIN / "bridle-supervise", "--root", ROOT, "--stop-guests"],
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.world.host.wait_up()

    def act(self):
        self.world.end_supervisor()


class BackUp(Act):
    FILE, KEY = f"{ROOT}/backup", f"{ROOT}/backup-key"

    def before(self):
        pathlib.Path(self.KEY).write_bytes(b"k" * 32)

    def act(self):
        self.make()

    def make(self):
        self.world.insist(lambda: self.world.host.run("backup", self.FILE, "--key-file", self.KEY, check=False),
                          "backup")
        self.world.host.run("backup", self.FILE, "--key-file", self.KEY, "--verify")
        assert not os.path.exists(f"{ROOT}/state/snapshot.db")

    def after(self):
        os.unlink(self.FILE)


class BackUpWithoutDaemon(BackUp):
    def before(self):
        super().before()
        self.world.end_supervisor()

    def act(self):
        deadline = time.monotonic() + 60
        while self.world.host.run("backup", self.FILE, "--key-file", self.KEY, check=False).returncode != 0:
            assert time.monotonic() < deadline
        self.world.mind_supervisor()


class Restore(BackUp):
    """Into another root, where Bridle does not start before all of it is there."""
    OTHER = ROOT + "-restored"

    def before(self):
        super().before()
        self.make()
        self.restore()
        self.expected = self.tree()

    def restore(self):
        shutil.rmtree(self.OTHER, ignore_errors=True)
        while True:
            done = subprocess.run([host.BIN / "bridle", "--root", self.OTHER, "restore", self.FILE, "--key-file",
                                   self.KEY], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            assert done.returncode == -signal.SIGKILL, done
            self.is_no_root()

    def tree(self):
        return {str(p.relative_to(self.OTHER)): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in pathlib.Path(self.OTHER).rglob("*") if p.is_file()}

    def is_no_root(self):
        """Nothing is there yet, or Bridle refuses to start there, or all is there."""
        if os.path.exists(f"{self.OTHER}/restore.incomplete"):
            done = subprocess.run([host.BIN / "bridle-supervise", "--root", self.OTHER], capture_output=True,
                                  text=True, check=False)
            assert done.returncode == 1 and "restore was interrupted" in done.stderr, done
        else:
            assert self.tree() in ({}, self.expected), self.tree()

    def act(self):
        self.restore()
        assert self.tree() == self.expected, (self.tree(), self.expected)

    def after(self):
        shutil.rmtree(self.OTHER)
        super().after()


class Screen(Start):
    """Somebody looks at a guest's screen."""
    DOOR = f"{ROOT}/screen"

    def before(self):
        super().before()
        self.world.want("victim", RUNNING, seed=SEED, display="vga", disks=[{"name": "d0", "volume": "disk"}])

    def act(self):
        self.world.insist(self.look, "vnc")

    def look(self):
        if os.path.exists(self.DOOR):
            os.unlink(self.DOOR)
        with subprocess.Popen([host.BIN / "bridle", "--root", ROOT, "-p", "crash", "machine", "vnc", "victim", "--once",
                               "--socket", self.DOOR], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env={"BRIDLE_REASON": "tests"} | os.environ) as viewer:
            while viewer.poll() is None:
                with socket.socket(socket.AF_UNIX) as link:
                    try:
                        link.connect(self.DOOR)
                        link.recv(12)
                    except OSError:  # not there yet, or its end was killed
                        time.sleep(0.05)
            return subprocess.CompletedProcess([], viewer.returncode, stderr=viewer.stderr.read())


class UseContext(Act):
    """The file of contexts is the old one or the new one."""
    CONFIG = f"{ROOT}/config"

    def act(self):
        self.world.insist(self.use, "context use")

    def use(self):
        done = subprocess.run([host.BIN / "bridle", "context", "use", "-"], capture_output=True, text=True, check=False,
                              env=os.environ | {"XDG_CONFIG_HOME": self.CONFIG})
        file = pathlib.Path(self.CONFIG) / "bridle/contexts.json"
        assert not file.exists() or json.loads(file.read_text(encoding="utf-8"))["version"] == 1
        return done

    def after(self):
        shutil.rmtree(self.CONFIG)


class EndThePrepared(Act):
    """The host's folders are made anew by whoever starts first."""

    def before(self):
        self.world.end_supervisor()

    def act(self):
        self.world.mind_supervisor()


class Switching(Act):
    """A zone of nobody's: its switch, a TAP, a NAT network, an interface of a guest of nobody's."""
    ZONE, SLOT = 1001, 11000
    GUEST = uuid.UUID("5c1f9c4e-0000-4000-8000-0000000c4a54")

    def act(self):
        self.insist(self.open_all)
        self.insist(self.close_all)

    def after(self):
        self.insist(self.close_all)

    def insist(self, what):
        deadline = time.monotonic() + 90
        while True:
            self.world.mind_supervisor()
            try:
                what(jail_records.Client(ROOT))
                return
            except (OSError, AssertionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def open_all(self, jail):
        records = jail_records
        jail.must(records.request(records.SWITCH_START, zone=self.ZONE))
        jail.must(records.request(records.SIGNAL, guest=self.GUEST, signal_number=signal.SIGKILL), may_fail=True)
        self.release(jail)
        words = ["-machine", "none", "-nodefaults", "-display", "none", "-netdev", "dgram,id=n0,local.type=fd,local.str=13"]
        memfd = records.sealed(b"".join(word.encode() + b"\0" for word in words))
        jail.must(records.request(records.START, guest=self.GUEST, boot=1, slot=self.SLOT, interfaces=1), [memfd])
        os.close(memfd)
        for port, order in enumerate((
                records.order(records.DATAGRAM, guest=self.GUEST, boot=1), records.order(records.TAP),
                records.order(records.NAT, nat_flags=records.OUTSIDE, prefix4=24, gateway4="10.77.0.1",
                              mac="52:54:00:77:00:01")), 1):
            jail.open(self.ZONE, port, order)

    def release(self, jail):
        """It may still be ending."""
        records = jail_records
        for _ in range(200):
            if jail.ask(records.request(records.RELEASE, guest=self.GUEST)).error == 0:
                return
            time.sleep(0.05)
        raise AssertionError("the guest is not released")

    def close_all(self, jail):
        records = jail_records
        jail.must(records.request(records.SIGNAL, guest=self.GUEST, signal_number=signal.SIGKILL), may_fail=True)
        self.release(jail)
        jail.must(records.request(records.SWITCH_STOP, zone=self.ZONE, flags=records.FORGET_STATE))


# Cheap ones first: a point is hit by the first act that reaches it.
ACTS = (Start, Stop, Pause, Delete, Volumes, Resize, Execute, KillAttendants, KillJail, EndDaemon, KillDaemon, KillQemu,
        KillQemuOfTheJail, EndThePrepared, EndSupervisor, TornLedger, Console, BackUp, BackUpWithoutDaemon, Restore,
        Import, ImportOverMore, ImportOverOther, StopGuests, Build, Screen, UseContext, Switching)
# These end the supervisor before they begin.
WITHOUT_HOST = (TornLedger, EndThePrepared, BackUpWithoutDaemon)


def perform(world, kind, point=None, nth=1):
    """One act, armed at `point` or not: what it reached how often, and whether somebody was killed."""
    act = kind(world)
    act.before()
    if kind not in WITHOUT_HOST:
        world.settle()
    pids, counts = world.kept_pids, world.slots.all_reached()
    if point:
        world.slots.arm(point, nth)
    try:
        act.act()
        if kind in (EndSupervisor, StopGuests):
            world.mind_supervisor()
        world.settle()
        counts = {n: c - counts[n] for n, c in world.slots.all_reached().items() if c > counts[n]}
        killed = point is not None and not world.slots.armed(point)
    finally:
        if point:
            world.slots.arm(point, 0)
    act.after()
    world.settle()
    if not kind.restarts_guest and not may_end_a_guest(point) and world.pids() != pids:
        raise AssertionError(f"a guest that nobody touched is another one now: {pids} {world.pids()}")
    world.kept_pids = world.pids()
    return counts, killed


def may_end_a_guest(point):
    """In the child that becomes QEMU the process killed is the guest itself."""
    return point is not None and point.split(":")[1] in ("guest.exec", "process.child")


def discover(world):
    """{act: {point: times reached}}; the act is done unarmed."""
    found = {}
    for kind in ACTS:
        begin = time.monotonic()
        found[kind], _ = perform(world, kind)
        print(f"{kind.__name__:18} reaches {len(found[kind]):3} points, {time.monotonic() - begin:.1f} s", flush=True)
    return found


def hit(world, point, nth, reaching):
    """The act that hit the point, or None."""
    for kind in ACTS:
        if reaching[kind].get(point, 0) >= nth and perform(world, kind, point, nth)[1]:
            return kind
    return None


def purge_at(world):
    """The purge is killed before its last files and before its last folder; a third one ends it."""
    world.end_supervisor()
    purge = [host.BIN / "bridle-jail", "--root", ROOT, "--purge"]
    for point in PURGE:
        world.slots.arm(point, 1)
        killed = subprocess.run(purge, check=False)
        assert killed.returncode == -signal.SIGKILL, killed
    subprocess.run(purge, check=True)
    assert not os.path.exists(f"{ROOT}/run") and not world.cgroups() and not host.qemu_processes(ROOT)


def bring_up(names):
    if os.path.exists(ROOT):
        os.environ.pop("BRIDLE_CRASH_POINTS", None)
        Host(root=ROOT).end()
    os.makedirs(ROOT)
    slots = Slots(f"{ROOT}/crash-points", names)
    os.environ["BRIDLE_CRASH_POINTS"] = f"{ROOT}/crash-points"
    world = World(slots)
    world.shared.start()
    world.shared.run("image", "build", "tiny", "--no-progress", timeout=900)
    for name in KEPT:
        world.want(name, RUNNING)
    world.settle()
    for name in KEPT:
        world.host.wait_ready(name)
    # The question whether KVM works boots a guest of its own, once.
    wait_for(lambda: os.path.exists(f"{ROOT}/state/kvm.json") or not os.path.exists("/dev/kvm"), 120,
             "KVM was probed")
    world.settle()
    world.kept_pids = world.pids()
    return world


def chosen(only, points):
    if only == ["--all"] or (SOAK and not only):
        return sorted(points)
    if only:
        return sorted(only)
    print(f"seed {SEED_OF_SAMPLE}: {SAMPLE} of {len(points)} points")
    return sorted(random.Random(SEED_OF_SAMPLE).sample(sorted(points), SAMPLE))


def main(only):
    places = listed(host.BIN)
    unknown = set(only) - set(places) - {"--all"}
    assert not unknown, f"no such crash points: {unknown}"
    world = bring_up(places)
    reaching = discover(world)
    reachable = {p for found in reaching.values() for p in found} | set(PURGE)
    missed = sorted(set(places) - reachable)
    print(f"{len(places)} points, {len(reachable)} reached")
    rows, failed = [], [f"{p} ({places[p]}) is reached by no act" for p in missed]
    for number, point in enumerate(chosen(only, set(places) - set(missed) - set(PURGE))):
        if number % 3 == 0:
            world.fresh_supervisor()
        for nth in TIMES:
            if nth > 1 and not any(found.get(point, 0) >= nth for found in reaching.values()):
                break
            begin = time.monotonic()
            try:
                kind = hit(world, point, nth, reaching)
                outcome = "as wished" if kind else "NEVER HIT"
            except (AssertionError, Failed, subprocess.TimeoutExpired) as error:
                kind, outcome = None, f"FAILED: {error}"
            row = (point, nth, kind.__name__ if kind else "-", outcome, time.monotonic() - begin)
            rows.append(row)
            print(f"{row[0]:40} {row[1]:2} {row[2]:18} {row[3]}  {row[4]:.1f} s", flush=True)
            if not kind:
                failed.append(f"{point} {nth}: {outcome}")
    done = world.host.run("ledger", "verify")
    assert "intact" in done.stdout, done.stdout
    if only in ([], ["--all"]):
        purge_at(world)
        rows += [(point, 1, "purge", "as wished", 0) for point in PURGE]
    world.end_supervisor()
    os.environ.pop("BRIDLE_CRASH_POINTS")
    world.host.end()
    print(f"crash points: {len(places)} listed, {len({r[0] for r in rows})} hit in {len(rows)} kills, "
          f"{len(failed)} failed, supervisor started again {world.restarts} times")
    for line in failed:
        print("failed: " + line)
    return 1 if failed else 0


if __name__ == "__main__":
    # These programs are a build of their own; the kind of build is part of the test.
    host.BIN = pathlib.Path(os.environ.get("BRIDLE_CRASH_BIN", host.SOURCE / "build/crash/bin"))
    if not (host.BIN / "bridled.crash-points").exists():
        sys.exit(f"{host.BIN} has no programs with crash points: tools/build crash")
    sys.exit(main(sys.argv[1:]))
