"""get_p99: GET of single machines at 500 requests a second, each authorized by its token, over TLS.

The requests are due at even times, whatever became of the ones before, and their time counts from
when they were due: a stall is paid by all that wait behind it. 16 connections; 10 s a sample, whose
figure is its 99th percentile."""
import collections
import random
import select
import time

from host import PROJECT, Failed
from network import MACHINE, read_some
from report import Result

RATE, SECONDS, CONNECTIONS = 500, 10, 16
LIMIT_MS = 5


class Connection:
    def __init__(self, network):
        self.link = network.connect()
        self.link.setblocking(False)
        self.seen, self.due = b"", 0.0

    def whole(self):
        """Whether the answer has come; REQUIRES: something can be read."""
        while (some := read_some(self.link)) is not None:
            if not some:
                raise Failed("get_p99: the host hung up")
            self.seen += some
        head, end, body = self.seen.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise Failed(f"get_p99: {head[:60]!r}")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return False
        self.seen = b""
        return True


def sample(network, machines, connections):
    """Milliseconds of each request, in order of the answers."""
    epoll = select.epoll()
    by_fd = {c.link.fileno(): c for c in connections}
    for fd in by_fd:
        epoll.register(fd, select.EPOLLIN)
    idle, out = collections.deque(connections), []
    sent, count, begin = 0, RATE * SECONDS, time.perf_counter() + 0.05
    while len(out) < count:
        while sent < count and idle and time.perf_counter() >= begin + sent / RATE:
            connection = idle.popleft()
            connection.due = begin + sent / RATE
            name = MACHINE.format(random.randrange(machines))
            connection.link.send(network.request(f"/api/v1/projects/{PROJECT}/machines/{name}"))
            sent += 1
        # Not a wait: the kernel rounds those up to a millisecond.
        for fd, _ in epoll.poll(0):
            if by_fd[fd].whole():
                out.append((time.perf_counter() - by_fd[fd].due) * 1e3)
                idle.append(by_fd[fd])
    epoll.close()
    return out


def measure(network, machines, samples):
    connections = [Connection(network) for _ in range(CONNECTIONS)]
    figures = []
    for _ in range(samples):
        times = sorted(sample(network, machines, connections))
        figures.append(times[int(len(times) * 0.99)])
    return Result("get_p99", "ms", figures,
                  f"{LIMIT_MS} ms ({RATE}/s, TLS, {machines} objects)", LIMIT_MS)
