"""A Bridle host for benchmarks: the one that runs at --root, or one of its own in a root of its own
that leaves nothing behind. Speaks the HTTP API; needs root, for it reads /proc of every process."""
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROJECT = "bench"


class Failed(Exception):
    """Something the benchmark needs does not work; the message is for people."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Host:
    def __init__(self, root, programs):
        self.root, self.programs = root, programs
        self.own = False
        self.supervisor = None

    @property
    def api(self):
        return f"{self.root}/run/bridled.sock"

    # -- its life ----------------------------------------------------------------------------
    @staticmethod
    def find_or_start(root, programs):
        host = Host(root, programs)
        if host.answers():
            return host
        mine = Host(tempfile.mkdtemp(prefix="bridle-bench-", dir="/tmp"), programs)
        mine.own = True
        try:
            mine.start(cache=f"{root}/cache")
        except BaseException:
            mine.end()
            raise
        return mine

    def answers(self):
        try:
            return self.ask("GET", "/healthz", timeout=5)[0] == 200
        except OSError:
            return False

    def start(self, cache):
        os.chmod(self.root, 0o755)
        log = open(f"{self.root}/supervise.log", "ab")
        self.supervisor = subprocess.Popen(
            [f"{self.programs}/bridle-supervise", "--root", self.root], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
        wait_for(self.answers, 30, f"bridled answers (see {self.root}/supervise.log)")
        self.take_downloads(cache)

    def take_downloads(self, cache):
        """What another host fetched need not be fetched again."""
        mine = f"{self.root}/cache"
        if not os.path.isdir(cache) or not os.path.isdir(mine):
            return
        owner = os.stat(mine)
        subprocess.run(["cp", "-a", f"{cache}/.", mine], check=True)
        subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", mine], check=True)

    def end(self):
        """Removes what the benchmark made; ends the host if it is the benchmark's own."""
        if not self.own:
            self.clear_project()
            return
        if self.supervisor:
            self.supervisor.send_signal(signal.SIGTERM)
            self.supervisor.wait(30)
            subprocess.run([f"{self.programs}/bridle-jail", "--root", self.root, "--purge"],
                           check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def clear_project(self):
        for plural in ("machines", "volumes"):
            for item in self.items(f"/api/v1/projects/{PROJECT}/{plural}"):
                self.delete(plural, item["metadata"]["name"])

    # -- the API -----------------------------------------------------------------------------
    def ask(self, method, path, body=None, timeout=60):
        connection = UnixConnection(self.api, timeout)
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {"Content-Type": "application/json",
                                                    "X-Bridle-Reason": "bench"})
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content.startswith(b"{") else {}
        finally:
            connection.close()

    def need(self, method, path, body=None, timeout=60):
        status, answer = self.ask(method, path, body, timeout)
        if status >= 300:
            raise Failed(f"{method} {path}: {status} {answer.get('error', {}).get('message', '')}")
        return answer

    def items(self, path):
        return self.need("GET", path + "?limit=1000").get("items", [])

    def path(self, plural, name, project=PROJECT):
        return f"/api/v1/projects/{project}/{plural}/{name}"

    def apply(self, kind, plural, name, spec):
        self.need("PUT", self.path(plural, name),
                  {"apiVersion": "bridle/v1", "kind": kind,
                   "metadata": {"name": name, "project": PROJECT, "owner": "bench"}, "spec": spec})

    def get(self, plural, name, project=PROJECT):
        status, answer = self.ask("GET", self.path(plural, name, project))
        return answer if status == 200 else None

    def delete(self, plural, name):
        if plural == "machines":
            self.ask("POST", self.path(plural, name) + "/actions/stop", {"force": True})
        self.ask("DELETE", self.path(plural, name))
        wait_for(lambda: self.get(plural, name) is None, 60, f"{plural}/{name} is gone")

    def machine(self, name, **spec):
        self.apply("Machine", "machines", name,
                   {"image": "tiny", "memory": "128MiB", "power": "stopped"} | spec)

    def act(self, name, action, body=None):
        return self.need("POST", self.path("machines", name) + f"/actions/{action}", body)

    def status(self, name):
        found = self.get("machines", name)
        return found.get("status", {}) if found else {}

    def uuid(self, name):
        return self.get("machines", name)["metadata"]["uid"]

    def wait_phase(self, name, phase, seconds=120):
        wait_for(lambda: self.status(name).get("phase") == phase, seconds, f"{name} is {phase}")

    def stop(self, name):
        """Ends it at once, and waits until nothing of this run is left."""
        self.act(name, "stop", {"force": True})
        self.wait_phase(name, "defined", 60)
        folder = f"{self.root}/run/g/{self.uuid(name)}"
        wait_for(lambda: not os.path.exists(folder), 30, f"the jail forgets {name}")

    def console(self, name, scrollback=4096, timeout=60):
        """A connected console, or None while there is none to connect to."""
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(timeout)
        link.connect(self.api)
        link.sendall((f"GET {self.path('machines', name)}/console?scrollback={scrollback} HTTP/1.1"
                      "\r\nHost: localhost\r\nX-Bridle-Reason: bench\r\nConnection: Upgrade"
                      "\r\nUpgrade: bridle-stream\r\n\r\n"
                      ).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = link.recv(4096)
            if not more:
                break
            head += more
        if not head.startswith(b"HTTP/1.1 101"):
            link.close()
            return None
        return Console(link, head.split(b"\r\n\r\n", 1)[1])

    def engine(self):
        """What guests run on here: "kvm" or "tcg"."""
        for item in self.items("/api/v1/hosts"):
            return item.get("status", {}).get("engine", "")
        return ""

    # -- images ------------------------------------------------------------------------------
    def image_ready(self, name):
        found = self.get("images", name, "shared")
        return found if found and found.get("status", {}).get("phase") == "ready" else None

    def need_image(self, name):
        if self.image_ready(name):
            return
        say(f"building image {name}")
        done = subprocess.run([f"{self.programs}/bridle", "--root", self.root, "-p", "shared",
                               "image", "build", name, "--no-progress"],
                              capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode != 0 or not self.image_ready(name):
            raise Failed(f"image {name} cannot be built: {done.stdout[-500:]}{done.stderr[-500:]}")

    def image_with_disk(self):
        for item in self.items("/api/v1/projects/shared/images"):
            status = item.get("status", {})
            if status.get("phase") == "ready" and status.get("disk", {}).get("digest"):
                return item["metadata"]["name"]
        return None

    # -- processes ---------------------------------------------------------------------------
    def processes(self):
        """Pids of Bridle's own processes of this root: supervisor, jail, attendants, bridled."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            name = os.path.basename(words[0])
            if name in ("bridled", "bridle-jail", "bridle-supervise", "bridle-image-helper") and \
                    self.root in words:
                found.append(int(path.split("/")[2]))
        return found


class Console:
    def __init__(self, link, first):
        self.link, self.seen = link, first

    def read(self):
        """More bytes, or b'' at the end; what came with the answer first."""
        if self.seen:
            first, self.seen = self.seen, b""
            return first
        return self.link.recv(65536)

    def write(self, data):
        self.link.sendall(data)

    def wait_for(self, wanted, seconds):
        """Whether `wanted` was printed in time."""
        deadline, seen = time.monotonic() + seconds, b""
        while time.monotonic() < deadline:
            self.link.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                more = self.read()
            except TimeoutError:
                return False
            if not more:
                return False
            seen = (seen + more)[-65536:]
            if wanted in seen:
                return True
        return False

    def close(self):
        self.link.close()


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.05)
