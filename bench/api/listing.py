"""list: the list of all machines as one answer (limit=0), over TLS, from the request's first byte to
the answer's last. The promise is for 10,000 machines; with fewer (--quick) it has to be as quick in
proportion. That it is whole and JSON is checked outside the measured time."""
import json
import time

from host import Failed
from report import Result

LIMIT_MS, PROMISED = 150, 10_000


def unchunked(body):
    out = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return b"".join(out)
        out.append(body[:int(size, 16)])
        body = body[int(size, 16) + 2:]


def sample(network, machines):
    link = network.connect()
    parts, tail, began = [], b"", time.perf_counter()
    link.sendall(network.request("/api/v1/machines?limit=0"))
    while tail != b"0\r\n\r\n":
        some = link.recv(1 << 18)
        if not some:
            raise Failed("list: it broke off")
        parts.append(some)
        tail = (tail + some)[-5:]
    took = (time.perf_counter() - began) * 1e3
    link.close()
    found = json.loads(unchunked(b"".join(parts).partition(b"\r\n\r\n")[2]))
    if len(found["items"]) != machines or found["continue"]:
        raise Failed(f"list: {len(found['items'])} of {machines} machines")
    return took


def measure(network, machines, samples):
    return Result("list", "ms", [sample(network, machines) for _ in range(samples)],
                  f"{LIMIT_MS} ms for {PROMISED}" + (f"; here {machines}" if machines < PROMISED else ""), LIMIT_MS * machines / PROMISED)
