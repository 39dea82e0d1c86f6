"""Hosts that listen on the loopback, and clients of theirs over TLS, for the tests of the network."""
import http.client
import json
import os
import pathlib
import pty
import select
import socket
import ssl
import subprocess
import tempfile
import time

from host import BIN, Host, wait_for


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NetworkHost(Host):
    """A host of its own with a TLS listener on 127.0.0.1."""

    def __init__(self, root, **api):
        super().__init__(root)
        self.port = free_port()
        self.wanted = {"listen": [f"127.0.0.1:{self.port}"]} | api

    def start(self):
        super().start()
        self.name = json.loads(self.run("get", "hosts", "-o", "json").stdout)[0]["metadata"]["name"]
        self.declare(**self.wanted)
        wait_for(lambda: self.listening() == self.wanted["listen"], 30, "the host listens",
                 lambda: self.get("host", self.name)["status"])
        return self

    def declare(self, **api):
        self.apply({"apiVersion": "bridle/v1", "kind": "Host", "metadata": {"name": self.name},
                    "spec": {"api": api}})

    def listening(self):
        return self.get("host", self.name)["status"].get("api", {}).get("listening", [])

    @property
    def server(self):
        return f"127.0.0.1:{self.port}"

    def certificates(self):
        return json.loads(self.run("host", "cert", "show", "-o", "json").stdout)

    def authority(self):
        return self.certificates()["authority"]["certificate"]

    def fingerprint(self):
        return self.certificates()["authority"]["fingerprint"]

    def token(self, name, role="tenant", scope="test", expires="1h"):
        return self.run("auth", "token", "create", name, "--role", role, "--scope", scope,
                        "--expires", expires).stdout.strip()

    def ledger(self):
        return json.loads(self.run("ledger", "list", "-o", "json").stdout)

    def client(self, **how):
        return Client(self.port, self.authority(), **how)


class Client:
    """Keeps its connection from one request to the next."""

    def __init__(self, port, authority, token=None, certificate=None, source="127.0.0.1",
                 timeout=30):
        context = ssl.create_default_context(cadata=authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if certificate:
            context.load_cert_chain(*certificate)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, context=context,
                                                      source_address=(source, 0), timeout=timeout)

    def ask(self, path, method="GET", body=None, **headers):
        """(status, headers, body)"""
        self.connection.request(method, path, body, self.headers | headers)
        answer = self.connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def status(self, path, method="GET", body=None, **headers):
        return self.ask(path, method, body, **headers)[0]

    def close(self):
        self.connection.close()


class User:
    """A user of `bridle` with a configuration of his own and no root that he knows of."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("BRIDLE_")} | {
            "XDG_CONFIG_HOME": str(self.folder), "HOME": str(self.folder)}

    def run(self, *arguments):
        return subprocess.run([BIN / "bridle", *map(str, arguments)], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def add(self, name, host, *how):
        return self.run("context", "add", name, "--server", host.server, "--fingerprint",
                        host.fingerprint(), *how)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="ascii")
        return path

    def on_terminal(self, answer, *arguments):
        """(exit status, what was shown) of a run that is asked something and answers."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(BIN / "bridle", ["bridle", *map(str, arguments)], self.environment)
        shown, answered, deadline = b"", False, time.monotonic() + 60
        while time.monotonic() < deadline:
            if not select.select([fd], [], [], 1)[0]:
                continue
            try:
                some = os.read(fd, 4096)
            except OSError:  # how a terminal says that nobody is left at its other end
                some = b""
            if not some:
                break
            shown += some
            if b"[yes/no]" in shown and not answered:
                answered = True
                os.write(fd, answer.encode() + b"\n")
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def folder_of(test):
    """A folder that goes with the test."""
    holder = tempfile.TemporaryDirectory(prefix="bridle-network-")
    test.addCleanup(holder.cleanup)
    return holder.name
