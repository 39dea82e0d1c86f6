"""bridle-switch as the benchmark runs it: a folder of its own, one group with every feature on."""
import json
import os
import socket
import uuid

from host import Failed, wait_for

LABEL = "bridle-switch"
GROUP, VLAN = 1, 100


class Bridle:
    label = LABEL

    def __init__(self, world, program, core, guests, name="bridle"):
        self.world, self.program, self.core, self.name = world, program, core, name
        self.folder = world.path(name)
        os.mkdir(self.folder)
        self.generation = 0
        self.guests = list(guests)
        self.start()
        self.apply()

    def start(self):
        """Also again, after it was killed: what was applied is on its disk."""
        self.child = self.world.start(self.name, [
            "taskset", "-c", self.core, self.program, "--folder", self.folder])

    @property
    def pid(self):
        return self.child.pid

    def apply(self):
        wait_for(self.answers, 10, f"{LABEL} listens: {self.world.tail(self.name)}")
        self.generation += 1
        answer = self.ask({"verb": "apply", "config": config(self.guests, self.generation)})
        if "error" in answer:
            raise Failed(f"{LABEL}: apply: {answer}")

    def grow(self, guests):
        self.guests += guests
        self.apply()

    def answers(self):
        if self.child.poll() is not None:
            raise Failed(f"{LABEL} ended: {self.world.tail(self.name)}")
        try:
            socket.socket(socket.AF_UNIX).connect(f"{self.folder}/control.sock")
        except OSError:
            return False
        return True

    def ask(self, request):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(f"{self.folder}/control.sock")
            link.sendall(json.dumps(request).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                more = link.recv(1 << 20)
                if not more:
                    raise Failed(f"{LABEL} closed its control socket: {self.world.tail(self.name)}")
                data += more
        return json.loads(data)


def config(guests, generation):
    """VLAN, source guard, registry, ARP and ND answers, guards against rogue DHCP and routers: on, as
    they are by default."""
    return {
        "generation": generation, "zone": "bench",
        "groups": [{
            "name": "bench/default", "uuid": str(uuid.UUID(int=GROUP)), "id": GROUP,
            "vlan": {"mode": "access", "id": VLAN}, "mtu": 1500, "prefixes": ["10.20.0.0/16"],
            "registry": [{"mac": guest.mac, "address": guest.ip, "host_name": f"guest{guest.index}"}
                         for guest in guests]}],
        "ports": [{
            "id": guest.index + 1, "name": f"guest{guest.index}/net0", "kind": "guest",
            "attachment": "vhost-user", "place": guest.path, "group": GROUP, "macs": [guest.mac],
            "machine": {"uuid": str(uuid.UUID(int=1000 + guest.index)), "generation": 1}}
            for guest in guests]}
