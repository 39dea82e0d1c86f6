"""The generator (bridle-switch-generator): guests' sides of ports, on a core of their own."""
import json
import select
import subprocess

from host import Failed


class Generator:
    def __init__(self, world, program, core):
        self.world, self.core = world, core
        memory = ["--in-memory", "--single-file-segments"] if world.huge else \
            ["--no-huge", "--no-shconf", "--file-prefix", "bench-generator"]
        self.child = world.start("generator", [
            program, "-l", core, *memory, "-m", 384, "--no-pci", "--no-telemetry",
            "--log-level", "error"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hz = self.ask("tsc")["hz"]

    def ask(self, verb, **given):
        flows = given.pop("flows", [])
        words = [verb, *(f"{key}={value}" for key, value in given.items()),
                 *(f"flow={flow}" for flow in flows)]
        try:
            self.child.stdin.write(" ".join(words) + "\n")
            self.child.stdin.flush()
            line = self.answer(verb, given)
        except OSError:
            line = ""
        if not line:
            raise Failed(f"the generator ended: {self.world.tail('generator')}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"generator: {verb}: {answer['error']}")
        return answer

    def answer(self, verb, given):
        patience = 30 + max(int(given.get("ms", 0)) / 1e3, int(given.get("us", 0)) / 1e6)
        if not select.select([self.child.stdout], [], [], patience)[0]:
            raise Failed(f"the generator does not answer: {verb} {given}")
        return self.child.stdout.readline()

    def open(self, guest):
        """A guest's side of a port, once a switch has connected to it; sets its number."""
        guest.number = self.ask("open", path=guest.path, mac=guest.mac, address=guest.address,
                                size=guest.descriptors)["port"]
        return guest

    def window(self, pid, flows, ms, **options):
        return self.ask("window", pid=pid, flows=[f"{a.number},{b.number},{size}"
                                                  for a, b, size in flows],
                        us=int(ms * 1000), **options)


class Guest:
    """What the generator plays: an address, a path it listens at."""

    def __init__(self, folder, switch, index, descriptors=256):
        self.path = f"{folder}/{switch}-{index}.sock"
        self.index = index
        self.mac = f"02:b0:00:00:{index >> 8:02x}:{index & 255:02x}"
        self.address = (10 << 24) + (20 << 16) + index + 1
        self.descriptors = descriptors
        self.number = None

    @property
    def ip(self):
        return ".".join(str(self.address >> shift & 255) for shift in (24, 16, 8, 0))
