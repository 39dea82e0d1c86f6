"""A host's listener on the loopback, a token for it, and connections over TLS that do not wait."""
import concurrent.futures
import json
import socket
import ssl

from host import PROJECT, Failed, UnixConnection, say, wait_for

MACHINE = "bench-api-{:05}"
STOPPED = {"image": "tiny", "memory": "128MiB", "power": "stopped"}
DEFINERS = 8


class Network:
    def __init__(self, host):
        self.host = host
        host.need_image("tiny")  # without it all machines are blocked, and tried again and again
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        name = host.items("/api/v1/hosts")[0]["metadata"]["name"]
        # The client is one address and one identity; what is measured are not the limits.
        host.need("PUT", f"/api/v1/hosts/{name}", {
            "apiVersion": "bridle/v1", "kind": "Host", "metadata": {"name": name},
            "spec": {"api": {"listen": [f"127.0.0.1:{self.port}"], "requestsPerSecond": 100000,
                             "connectionsPerPeer": 4096}}})
        wait_for(self.listens, 30, "the host listens")
        self.context = ssl.create_default_context(
            cadata=host.need("GET", "/api/v1/certificate")["authority"]["certificate"])
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.token = host.need("POST", "/api/v1/auth/tokens", {
            "name": "bench", "role": "operator", "projects": [PROJECT], "expiresIn": 86400})["token"]

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def define(self, machines):
        """That many machines, which do not run; several at a time, for each waits for a sync."""
        say(f"defining {machines} machines")
        with concurrent.futures.ThreadPoolExecutor(DEFINERS) as pool:
            for made in [pool.submit(self.define_some, first, machines) for first in range(DEFINERS)]:
                made.result()

    def define_some(self, first, machines):
        connection = UnixConnection(self.host.api, 60)
        for number in range(first, machines, DEFINERS):
            name = MACHINE.format(number)
            body = {"apiVersion": "bridle/v1", "kind": "Machine", "spec": STOPPED,
                    "metadata": {"name": name, "project": PROJECT, "owner": "bench"}}
            connection.request("PUT", self.host.path("machines", name), json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise Failed(f"machines/{name}: {answer.status} {text[:300]!r}")
        connection.close()

    def connect(self):
        link = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(link, server_hostname="127.0.0.1")

    def request(self, target):
        return (f"GET {target} HTTP/1.1\r\nHost: bridle\r\n"
                f"Authorization: Bearer {self.token}\r\n\r\n").encode()


def read_some(link):
    """What is there now; None: nothing yet. b"" is the end."""
    try:
        return link.recv(65536)
    except ssl.SSLWantReadError:
        return None
