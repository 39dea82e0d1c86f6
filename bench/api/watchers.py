"""watchers: 1,000 event streams over TLS; one machine changes, and each stream has bytes of its event
after so many milliseconds, counted from when the change was asked for (so the commit, which is synced,
is part of it). The figure of a change is the 99th percentile of its streams. That all of them tell of
that change is checked after the measured time: decrypting is the client's cost, not the host's."""
import json
import select
import time

from host import PROJECT, Failed, UnixConnection
from network import MACHINE, read_some
from report import Result

STREAMS, LIMIT_MS = 1000, 50


class Watch:
    def __init__(self, network):
        self.link = network.connect()
        self.link.sendall(network.request("/api/v1/watch?kinds=machines"))
        self.seen = b""
        while b"\r\n\r\n" not in self.seen:
            self.seen += self.link.recv(4096)
        if not self.seen.startswith(b"HTTP/1.1 200"):
            raise Failed(f"watchers: {self.seen[:200]!r}")
        self.link.setblocking(False)

    def tells(self, mark):
        while (some := read_some(self.link)) is not None:
            if not some:
                raise Failed("watchers: the host ended a stream")
            self.seen += some
        found = mark in self.seen
        if found:
            self.seen = b""
        return found


def change(connection, host, number, mark):
    name = MACHINE.format(number)
    body = {"apiVersion": "bridle/v1", "kind": "Machine",
            "metadata": {"name": name, "project": PROJECT, "owner": "bench",
                         "labels": {"mark": mark}},
            "spec": {"image": "tiny", "memory": "128MiB", "power": "stopped"}}
    connection.request("PUT", host.path("machines", name), json.dumps(body))


def sample(network, connection, watches, number):
    """Milliseconds until each stream had something, ascending."""
    mark = f"change-{number}"
    epoll = select.epoll()
    by_fd = {watch.link.fileno(): watch for watch in watches}
    for fd in by_fd:
        epoll.register(fd, select.EPOLLIN | select.EPOLLONESHOT)
    out, arrived, began = [], {}, time.perf_counter()
    change(connection, network.host, number, mark)
    while len(out) < len(watches):
        ready = epoll.poll(10)
        now = (time.perf_counter() - began) * 1e3
        if not ready:
            raise Failed(f"watchers: {len(watches) - len(out)} streams saw nothing within 10 s")
        arrived.update((fd, now) for fd, _ in ready)
        if len(out) + len(arrived) < len(watches):
            continue
        for fd, when in list(arrived.items()):
            if by_fd[fd].tells(mark.encode()):
                out.append(when)
            else:  # a heartbeat, or another machine's status
                epoll.modify(fd, select.EPOLLIN | select.EPOLLONESHOT)
        arrived.clear()
    epoll.close()
    answer = connection.getresponse()
    if answer.status != 200:
        raise Failed(f"watchers: the change: {answer.status} {answer.read()[:300]!r}")
    answer.read()
    return sorted(out)


def measure(network, machines, samples):
    watches = [Watch(network) for _ in range(STREAMS)]
    connection = UnixConnection(network.host.api, 60)
    figures = []
    for number in range(samples):
        times = sample(network, connection, watches, number % machines)
        figures.append(times[int(len(times) * 0.99)])
        time.sleep(0.5)
    return Result("watchers", "ms", figures, f"{LIMIT_MS} ms p99 ({STREAMS} streams)", LIMIT_MS)
