"""The layers of confinement, and for each a probe that nothing else refuses once the others named
beside it are off. escape_test.py runs the table; docs/confinement.md shows it."""
import dataclasses

CALLS = {  # x86-64
    "clone3": 435,
}
CLONE_NEWUSER = 0x10000000
# A process that is root again, with every capability: for probes that only privilege would refuse.
ALL_RIGHTS = ("uid", "bounding", "capset")


@dataclasses.dataclass
class Row:
    role: str  # guest, tpm, switch, attendant, fetch, build, store, convert, daemon
    layer: str  # what is left off the second time
    probe: str
    refused: str  # an errno's name; killed; "no effect": what it did stayed with itself
    others: tuple = ()  # layers off both times, for they would refuse this probe, too
    options: tuple = ()
    effect: str = ""  # of the output: this line tells instead of the probe's answer
    opened: str = "open"


def rows(host):
    """`host` names targets of the live host: store, port, abstract, victim, ..."""
    setuid = "become:/g/2|20|root-user:"
    launched = []  # QEMU and its TPM, by the attendant; the switch
    for role in ("guest", "tpm", "switch"):
        launched += [
            Row(role, "root", "read:/etc/passwd", "ENOENT"),
            Row(role, "uid", "read:/etc/shadow", "EACCES", ("root",)),
            Row(role, "gid", f"read:{host.of_group_root}", "EACCES", ("root",)),
            Row(role, "groups", f"read:{host.of_group}", "EACCES", ("root",)),
            Row(role, "bounding", f"read:{host.store}", "EACCES", ("root", "uid", "nnp", "filter")),
            Row(role, "capset", f"read:{host.store}", "EACCES", ("root", "uid", "bounding")),
            Row(role, "mount-ns", f"mount:{host.folder}", "no effect", ("root", "filter", *ALL_RIGHTS),
                effect="mounts", opened="1"),
            Row(role, "pid-ns", f"signal:{host.victim}", "ESRCH", ALL_RIGHTS),
            Row(role, "net-ns", f"unix:{host.abstract}", "ECONNREFUSED"),
            Row(role, "net-ns", f"tcp:{host.port}", "ENETUNREACH", ("filter",)),
            Row(role, "ipc-ns", f"shm:{host.shared_memory}", "ENOENT"),
            Row(role, "uts-ns", "hostname:escaped", "no effect", ALL_RIGHTS, effect="hostname", opened="escaped"),
            Row(role, "sealed", "create:/new", "EROFS", ("uid",)),
            Row(role, "noexec", "mapexec:/new", "EPERM", ("uid", "sealed")),
            Row(role, "descriptors", "descriptor:900", "EBADF"),
            Row(role, "environment", "environment:BRIDLE_SECRET", "ENOENT"),
            Row(role, "cgroup", "threads:120", "EAGAIN", options=("--pids", "64")),
            Row(role, "filter", f"space:{CLONE_NEWUSER}", "EPERM"),
            Row(role, "filter", "socket:16:3", "EAFNOSUPPORT"),
            Row(role, "filter", "socket:2:1", "EAFNOSUPPORT"),
            Row(role, "filter", "i386:20", "EPERM"),
        ]
    launched += [
        Row("guest", "nnp", setuid, "EPERM", ("nosuid", "filter")),
        Row("guest", "nosuid", setuid, "EPERM", ("nnp", "filter")),
        Row("guest", "read-only", "write:/g/3", "EROFS"),
        Row("guest", "nofile", "descriptors:2000", "EMFILE"),
        Row("guest", "msgqueue", "queue:/bridle-probe", "EMFILE"),
        Row("guest", "cgroup", f"bytes:{256 << 20}", "killed", options=("--memory", str(96 << 20))),
        Row("guest", "filter", f"unshare:{CLONE_NEWUSER}", "EPERM"),
        Row("tpm", "nnp", f"become:{host.setuid_program}|21|root-user:", "EPERM", ("root", "filter")),
        Row("tpm", "read-only", "write:/usr/lib/os-release", "EROFS", ("uid",)),
        Row("tpm", "nofile", "descriptors:200", "EMFILE"),
        Row("tpm", "fsize", f"far:memory:{1 << 20}", "EFBIG"),
        Row("switch", "uid", f"unix:/g/{host.guest}/qmp.sock", "EACCES", ("bounding", "capset", "filter", "nnp")),
        Row("switch", "nnp", f"become:{host.setuid_program}|1|root-user:", "EPERM", ("root", "filter")),
        Row("switch", "read-only", "write:/usr/lib/os-release", "EROFS", ("uid",)),
        Row("switch", "read-only", "create:/g/new", "EROFS", ALL_RIGHTS),
        Row("switch", "nofile", "descriptors:17000", "EMFILE"),
        Row("switch", "fsize", f"far:memory:{4 << 30}", "EFBIG"),
        Row("switch", "cgroup", f"bytes:{256 << 20}", "killed", options=("--memory", str(96 << 20))),
    ]
    attendant = [
        Row("attendant", "filter", "socket:2:1", "killed"),
        Row("attendant", "root", "read:/etc/passwd", "ENOENT", ("filter",)),
        Row("attendant", "uid", "read:/etc/shadow", "EACCES", ("filter", "root")),
        Row("attendant", "gid", f"read:{host.of_group_root}", "EACCES", ("filter", "root")),
        Row("attendant", "groups", f"read:{host.of_group}", "EACCES", ("filter", "root")),
        Row("attendant", "capset", f"read:{host.store}", "EACCES", ("filter", "root", "uid")),
        Row("attendant", "descriptors", "descriptor:900", "EBADF", ("filter",)),
        Row("attendant", "nofile", "descriptors:200", "EMFILE", ("filter",)),
        Row("attendant", "fsize", f"far:memory:{1 << 20}", "EFBIG", ("filter",)),
        Row("attendant", "data", f"bytes:{128 << 20}", "ENOMEM"),
    ]
    helpers = []
    for role in ("fetch", "store", "build", "convert"):
        more = ("user-ns",) if role == "build" else ()
        helpers += [
            Row(role, "filter", "reach:425:1", "EPERM"),
            Row(role, "filter", "socket:16:3", "EAFNOSUPPORT"),
            Row(role, "pid-ns", f"signal:{host.victim}", "ESRCH", ALL_RIGHTS + more),
            Row(role, "ipc-ns", f"shm:{host.shared_memory}", "ENOENT"),
            Row(role, "descriptors", "descriptor:900", "EBADF"),
            Row(role, "environment", "environment:BRIDLE_SECRET", "ENOENT"),
            Row(role, "cgroup", "processes:1100", "EAGAIN"),
        ]
    helpers += [
        Row("fetch", "root", f"list:{host.root}/run", "ENOENT"),
        Row("store", "root", f"list:{host.root}/run", "ENOENT"),
        Row("fetch", "uid", "read:/etc/shadow", "EACCES"),
        Row("fetch", "groups", f"read:{host.of_group}", "EACCES", ("root",)),
        Row("fetch", "nodev", f"read:{host.device}", "EACCES"),
        Row("fetch", "fsize", f"far:{host.root}/cache/far:{(64 << 30) + 1}", "EFBIG"),
        Row("store", "uid", "read:/etc/shadow", "EACCES"),
        Row("store", "net-ns", f"tcp:{host.port}", "ENETUNREACH", ("filter",)),
        Row("store", "read-only", f"create:{host.root}/cache/new", "EROFS", ALL_RIGHTS),
        Row("convert", "root", f"list:{host.root}/images", "ENOENT"),
        Row("convert", "root", "read:/etc/passwd", "ENOENT"),
        Row("convert", "uid", "read:/etc/shadow", "EACCES", ("root",)),
        Row("convert", "net-ns", f"tcp:{host.port}", "ENETUNREACH", ("filter",)),
        Row("convert", "fsize", f"far:memory:{(64 << 30) + 1}", "EFBIG"),
        Row("convert", "data", f"bytes:{3 << 30}", "ENOMEM"),
        Row("build", "user-ns", "read:/etc/shadow", "EACCES"),
        Row("build", "net-ns", f"tcp:{host.port}", "ENETUNREACH"),
        Row("build", "uts-ns", "hostname:escaped", "no effect", ("user-ns",), effect="hostname", opened="escaped"),
    ]
    daemon = [
        Row("daemon", "uid", "read:/etc/shadow", "EACCES"),
        Row("daemon", "gid", f"read:{host.of_group_root}", "EACCES"),
        Row("daemon", "groups", f"read:{host.of_group}", "EACCES"),
        Row("daemon", "bounding", f"read:{host.key}", "EACCES", ("uid", "nnp", "filter")),
        Row("daemon", "capset", f"read:{host.key}", "EACCES", ("uid", "bounding")),
        Row("daemon", "nnp", f"become:{host.setuid_program}|1|root-user:", "EPERM", ("filter",)),
        Row("daemon", "descriptors", "descriptor:900", "EBADF"),
        Row("daemon", "filter", "reach:425:1", "EPERM"),
        Row("daemon", "filter", f"space:{CLONE_NEWUSER}", "EPERM"),
    ]
    return launched + attendant + helpers + daemon


def refused_calls(source):
    """(number, name, errno, roles) of each unconditional row of the filter, read from its source, so that
    no row goes without a probe."""
    import re

    numbers = {}
    with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", encoding="ascii") as file:
        for name, number in re.findall(r"#define __NR_(\w+) (\d+)", file.read()):
            numbers[name] = int(number)
    text = (source / "src/jail/kernel_filter.cc").read_text()
    found = []
    for name in re.findall(r"^    ROW\((\w+),", text, re.M):
        found.append((numbers[name], name, 1))
    found.append((numbers["clone3"], "clone3", 38))
    return found
