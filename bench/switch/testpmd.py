"""The floor under every switch on vhost-user: DPDK's testpmd, which passes each frame from one port
to the other without looking at it."""
import shutil
import subprocess

NAME = "testpmd io"


def is_there(_world):
    return shutil.which("dpdk-testpmd") is not None


class Testpmd:
    label = NAME

    def __init__(self, world, core, guests, name="testpmd"):
        self.guests, self.name = guests, name
        memory = ["--in-memory"] if world.huge else ["--no-huge", "--no-shconf", "--file-prefix", name]
        devices = [word for number, guest in enumerate(guests)
                   for word in ("--vdev", f"net_vhost{number},iface={guest.path},client=1")]
        self.child = world.start(name, [
            "dpdk-testpmd", "--lcores", f"0@{core},1@{core}", *memory, "-m", 192, "--no-pci",
            "--no-telemetry", *devices, "--", "--forward-mode=io", "--auto-start",
            "--total-num-mbufs=16384"], stdin=subprocess.PIPE)

    @property
    def pid(self):
        return self.child.pid
