"""What every benchmark prints: one JSON object (design, section 8), or a table and a small plot."""
import json
import os
import platform
import statistics


class Result:
    """One figure. value is the median of samples; the target is met when it is at most limit."""

    def __init__(self, name, unit, samples, target, limit, peer=None, peer_samples=None):
        self.name, self.unit, self.target, self.limit = name, unit, target, limit
        self.samples = list(samples)
        self.peer, self.peer_samples = peer, peer_samples

    @property
    def value(self):
        return statistics.median(self.samples)

    @property
    def ok(self):
        return self.value <= self.limit

    @property
    def ratio(self):
        median = statistics.median(self.peer_samples)
        # A paired difference: the ratio is of the whole, not of the difference.
        return (median + self.value) / median if self.paired else self.value / median

    def as_object(self):
        found = {"name": self.name, "unit": self.unit, "value": rounded(self.value),
                 "low": rounded(min(self.samples)), "high": rounded(max(self.samples)),
                 "samples": [rounded(s) for s in self.samples]}
        if self.peer:
            found |= {"peer": self.peer,
                      "peer_value": rounded(statistics.median(self.peer_samples)),
                      "peer_samples": [rounded(s) for s in self.peer_samples],
                      "ratio": rounded(self.ratio)}
        return found | {"target": self.target, "ok": self.ok}

    paired = False


def rounded(number):
    return round(number, 3)


def host_facts():
    """What a figure depends on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"kernel": platform.release(), "cpu": models[0] if models else platform.machine(),
            "cpus": os.cpu_count(), "memory_mb": memory >> 20, "load": os.getloadavg()[0]}


def print_json(bench, revision, engine, host, results):
    print(json.dumps({"bench": bench, "revision": revision, "engine": engine, "host": host,
                      "results": [r.as_object() for r in results]}))


def print_table(bench, revision, engine, host, results):
    print(f"bridle bench {bench}   revision {revision}   engine {engine}   "
          f"{host['cpus']} x {host['cpu']}")
    print(f"{'result':16} {'value':>10} {'low':>10} {'high':>10} unit  {'target':28} verdict")
    drawn = set()
    for o in (result.as_object() for result in results):
        print(f"{o['name']:16} {o['value']:10.2f} {o['low']:10.2f} {o['high']:10.2f} "
              f"{o['unit']:5} {o['target']:28} {'ok' if o['ok'] else 'MISSED'}")
        if "peer" in o:
            print(f"{'':16} {o['peer_value']:10.2f} {'':21} {o['unit']:5} {o['peer']}: "
                  f"ratio {o['ratio']:.2f}")
        if o["name"] not in drawn:
            plot(o["samples"])
        drawn.add(o["name"])


def plot(samples):
    """Each sample as a bar, the longest 40 characters."""
    if len(samples) < 2:
        return
    longest = max(map(abs, samples)) or 1
    for sample in samples:
        print(f"{'':16} {sample:10.2f} {'#' * max(1, round(40 * abs(sample) / longest))}")
