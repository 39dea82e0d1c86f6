"""OVS-DPDK, as Debian has it: a database and a daemon of its own in the benchmark's folder, one bridge
that forwards by learned addresses (action NORMAL), one thread for traffic."""
import os
import shutil
import subprocess

from host import Failed, wait_for

NAME = "OVS-DPDK"
DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def is_there(world):
    """Without huge pages it serves guests, but forwards nothing for virtio-user ports."""
    return world.huge and os.path.exists(DAEMON) and shutil.which("ovsdb-server") is not None


def version():
    words = subprocess.run([DAEMON, "--version"], capture_output=True, text=True,
                           check=False).stdout.split("\n")[0].split()
    return words[-1] if words else "unknown"


class Ovs:
    label = NAME

    def __init__(self, world, core, guests, name="ovs", settings=()):
        self.world, self.core, self.guests, self.name = world, core, guests, name
        self.folder = world.path(name)
        os.mkdir(self.folder)
        self.environment = {"OVS_RUNDIR": self.folder, "OVS_LOGDIR": self.folder,
                            "OVS_DBDIR": self.folder}
        self.start_database()
        self.set("dpdk-init=true", "dpdk-extra=--in-memory --no-pci --no-telemetry",
                 f"pmd-cpu-mask={1 << core:#x}", f"dpdk-lcore-mask={1 << core:#x}",
                 "dpdk-socket-mem=320", "dpdk-socket-limit=320", *settings)
        self.start()
        self.control("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
        self.add(self.guests)

    def start_database(self):
        file = f"{self.folder}/conf.db"
        subprocess.run(["ovsdb-tool", "create", file, SCHEMA], check=True, env=self.all())
        self.world.start(f"{self.name}-db", [
            "ovsdb-server", file, f"--remote=punix:{self.folder}/db.sock",
            f"--unixctl={self.folder}/db.ctl"], self.environment)
        wait_for(lambda: os.path.exists(f"{self.folder}/db.sock"), 10, "ovsdb-server listens")
        self.control("--no-wait", "init")

    def start(self):
        # Its interfaces have fixed names: each daemon in a network namespace of its own.
        self.child = self.world.start(self.name, [
            "unshare", "--net", DAEMON, f"unix:{self.folder}/db.sock", f"--unixctl={self.folder}/ctl"],
            self.environment)

    def all(self):
        return os.environ | self.environment

    def control(self, *words):
        done = subprocess.run(["ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "--timeout=60",
                               *map(str, words)], capture_output=True, text=True, env=self.all(),
                              check=False)
        if done.returncode != 0:
            raise Failed(f"ovs-vsctl {' '.join(words[:4])}: {done.stderr[-500:]}"
                         f"{self.world.tail(self.name)}")

    def set(self, *settings):
        self.control("--no-wait", "set", "Open_vSwitch", ".",
                     *(f'other_config:{key}="{value}"' for key, value in
                       (setting.split("=", 1) for setting in settings)))

    def grow(self, guests):
        """More ports, and it sleeps from now on (see idle.py)."""
        self.set("pmd-maxsleep=500")
        self.guests = [*self.guests, *guests]
        self.add(guests)

    def add(self, guests):
        words = []
        for guest in guests:
            port = os.path.basename(guest.path).removesuffix(".sock")
            words += ["--", "add-port", "br0", port, "--", "set", "interface", port,
                      "type=dpdkvhostuserclient", f"options:vhost-server-path={guest.path}"]
        self.control(*words[1:])

    @property
    def pid(self):
        return self.child.pid
