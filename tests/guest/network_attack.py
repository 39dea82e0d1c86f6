"""What the tests of the network throw at a host: broken TLS, broken HTTP, and a thousand connections
that are slow or half closed. Every function makes one connection from a given address."""
import os
import select
import socket
import ssl


def hello_of_tls12():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    sent = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()


HELLO_12 = hello_of_tls12()


def connect(port, source):
    link = socket.socket()
    link.settimeout(10)
    link.bind((source, 0))
    link.connect(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def secure(port, source, context):
    link = connect(port, source)
    try:
        return context.wrap_socket(link, server_hostname="127.0.0.1")
    except (OSError, ssl.SSLError):
        link.close()
        raise


def head(token=None, path="/version", method="GET", *lines):
    who = [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bridle", *who, *lines, "", ""]).encode()


def answer_to(link, data):
    """What comes back until the other end closes; b"" too where it breaks off."""
    found = b""
    try:
        link.sendall(data)
        while len(found) < 1 << 20:
            some = link.recv(65536)
            if not some:
                break
            found += some
    except (OSError, ssl.SSLError):
        pass
    link.close()
    return found


def broken_tls(port, source):
    """Garbage, an old hello, half a hello, a record that is too long, plain HTTP: (name, answer)."""
    for name, data in (("garbage", os.urandom(300)), ("TLS 1.2", HELLO_12), ("half a hello", HELLO_12[:40]),
                       ("long record", b"\x16\x03\x01\xff\xff" + bytes(2000)),
                       ("plain HTTP", head())):
        link = connect(port, source)
        if name == "half a hello":
            link.sendall(data)
            link.close()
            continue
        yield name, answer_to(link, data)


def broken_http(port, source, context, token):
    """(name, status) of requests that are none, or too much."""
    deep = b"[" * 20000
    apply = "/api/v1/projects/test/secrets/x"
    for name, data in (
            ("no request", b"\x00\x01\x02\r\n\r\n"),
            ("endless header", head(token, "/version", "GET", "X: " + "y" * 70000)),
            ("stranger", head(None)),
            ("two lengths", head(token, apply, "PUT", "Content-Length: 5", "Content-Length: 6")),
            ("deep", head(token, apply, "PUT", f"Content-Length: {len(deep)}",
                          "Connection: close") + deep),
            ("100 MB", head(token, apply, "PUT", "Content-Length: 104857600") + bytes(100000))):
        got = answer_to(secure(port, source, context), data)
        yield name, int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else 0


class Crowd:
    """Connections that are kept as slow as the host lets them, each opened anew when it was cut."""

    KINDS = ("silent", "half a header", "half closed", "known and slow")

    def __init__(self, port, authority, token, size):
        self.port, self.token, self.links = port, token, [None] * size
        self.context = ssl.create_default_context(cadata=authority)
        self.opened = 0

    def open(self, number):
        source = f"127.0.3.{1 + number % 10}"
        kind = self.KINDS[number % len(self.KINDS)]
        if kind == "silent":
            link = connect(self.port, source)
        else:
            link = secure(self.port, source, self.context)
            if kind == "known and slow":
                link.sendall(head(self.token))
                link.recv(65536)
            link.sendall(head()[:20])
            if kind == "half closed":
                socket.socket.shutdown(link, socket.SHUT_WR)
        link.setblocking(False)
        self.opened += 1
        return link

    def is_cut(self, link):
        if not select.select([link], [], [], 0)[0]:
            return False
        try:
            return link.recv(65536) == b""
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True

    def turn(self):
        """Looks at each connection once."""
        for number, link in enumerate(self.links):
            try:
                if link is not None and self.is_cut(link):
                    link.close()
                    link = None
                if link is None:
                    link = self.open(number)
            except OSError:  # also what ssl says
                link = None
            self.links[number] = link


def attack(stop, ready, port, authority, token, size):
    """The whole of it until `stop` (an Event) is set; for a process of its own."""
    crowd = Crowd(port, authority, token, size)
    crowd.turn()
    ready.set()
    while not stop.is_set():
        crowd.turn()
        for _ in broken_tls(port, "127.0.4.1"):
            pass
    print(f"{size} connections, opened {crowd.opened} times")
