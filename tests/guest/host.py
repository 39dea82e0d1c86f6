"""A Bridle host for tests: its own root, its own processes, ended by `Host.end()`.

The guest tier shares one host (the ctest fixture `guest_host` starts it and builds the tiny image);
tests that break things bring up their own with the same images.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("BRIDLE_BIN", SOURCE / "build/release/bin"))
SHARED_ROOT = os.environ.get("BRIDLE_TEST_ROOT", "/tmp/bridle-guest-tier")


class Failed(Exception):
    """A command of Bridle's ended with another exit status than expected."""


class Host:
    def __init__(self, root=SHARED_ROOT, project="test"):
        self.root = root
        self.project = project

    # -- processes ---------------------------------------------------------------------------
    def start(self):
        os.makedirs(self.root, exist_ok=True)
        log = open(f"{self.root}/supervise.log", "ab")
        subprocess.Popen([BIN / "bridle-supervise", "--root", self.root], stdin=subprocess.DEVNULL,
                         stdout=log, stderr=log, start_new_session=True)
        self.wait_up()
        return self

    def wait_up(self, seconds=30):
        wait_for(lambda: self.run("version", check=False).returncode == 0, seconds,
                 f"bridled of {self.root} answers")

    def end(self):
        """Everything of this root ends, and is removed."""
        pid = self.pid_of("bridle-supervise")
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: has_ended(pid), 20, "the supervisor ends")
        subprocess.run([BIN / "bridle-jail", "--root", self.root, "--purge"], check=True)
        shutil.rmtree(self.root)

    def processes(self):
        """(pid, program name) of Bridle's own processes of this root; attendants are bridle-jail."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            arguments = cmdline(entry)
            if len(arguments) > 2 and "--root" in arguments:
                if arguments[arguments.index("--root") + 1:][:1] == [self.root]:
                    found.append((int(entry), os.path.basename(arguments[0])))
        return found

    def pid_of(self, program):
        """The oldest process of that name: the jail itself, not its attendants."""
        pids = sorted((start_time(pid), pid) for pid, name in self.processes() if name == program)
        return pids[0][1] if pids else None

    # -- commands ----------------------------------------------------------------------------
    def run(self, *arguments, check=True, input=None, timeout=300):
        # root is of no project: to look into a guest it gives a reason.
        done = subprocess.run([BIN / "bridle", "--root", self.root, "-p", self.project,
                               *map(str, arguments)], input=input, capture_output=True, text=True,
                              timeout=timeout, env={"BRIDLE_REASON": "tests"} | os.environ)
        if check and done.returncode != 0:
            raise Failed(f"bridle {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
        return done

    def get(self, kind, name):
        """The object, or None."""
        done = self.run("get", kind, name, "-o", "json", check=False)
        if done.returncode == 3:
            return None
        if done.returncode != 0:
            raise Failed(f"get {kind} {name}: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def list(self, kind):
        found = json.loads(self.run("get", kind, "-o", "json").stdout)
        return found["items"] if isinstance(found, dict) else found

    def apply(self, *objects):
        return self.run("apply", "-f", "-", input=json_documents(objects))

    def machine(self, name, **spec):
        """Declares a tiny guest."""
        return {"apiVersion": "bridle/v1", "kind": "Machine",
                "metadata": {"name": name, "project": self.project, "owner": "tests"},
                "spec": {"power": "running", "image": "tiny", "memory": "128MiB", **spec}}

    def phase(self, name):
        found = self.get("machine", name)
        return found["status"].get("phase") if found else None

    def wait_phase(self, name, phase, seconds=120):
        wait_for(lambda: self.phase(name) == phase, seconds, f"{name} is {phase}",
                 lambda: (self.get("machine", name) or {}).get("status"))

    def wait_ready(self, name, seconds=180):
        """Until the guest's agent answers."""
        wait_for(lambda: self.run("machine", "exec", name, "--", "true", check=False).returncode == 0,
                 seconds, f"{name}'s agent answers")

    def delete(self, kind, name):
        self.run("delete", kind, name, "--wait", check=False)
        wait_for(lambda: self.get(kind, name) is None, 60, f"{kind} {name} is gone")


def json_documents(objects):
    return "\n---\n".join(json.dumps(o) for o in objects)


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [a.decode(errors="replace") for a in file.read().split(b"\0")]
    except OSError:
        return []


def has_ended(pid):
    """Also for a child of this process, whom nobody else reaps."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
    return not os.path.exists(f"/proc/{pid}")


def start_time(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rsplit(")", 1)[1].split()[19])
    except OSError:
        return 1 << 62


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def qemu_processes(root):
    """pid by uuid of all QEMU processes whose guest folder is below root, from the runtime records'
    point of view: what really runs, whatever Bridle says."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        arguments = cmdline(entry)
        if not arguments or "qemu-system" not in arguments[0]:
            continue
        if not has_socket_of(entry, root):
            continue
        uuid = arguments[arguments.index("-uuid") + 1] if "-uuid" in arguments else entry
        found.setdefault(uuid, []).append(int(entry))
    return found


def has_socket_of(pid, root):
    """Whether that process holds a unix socket bound below root/run/g."""
    inodes = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        return False
    with open("/proc/net/unix", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if len(fields) > 7 and fields[6] in inodes and fields[7].startswith(f"{root}/run/g/"):
                return True
    return False


def wait_for(condition, seconds, what, explain=None):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.2)
    detail = f": {explain()}" if explain else ""
    raise AssertionError(f"not within {seconds} s: {what}{detail}")
