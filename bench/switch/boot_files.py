"""What the guests of `bulk` boot: the kernel and initramfs of Bridle's tiny image, and behind it an
archive with iperf3, the libraries it needs, and an init that does what its kernel's command line says."""
import json
import os
import re
import shutil
import stat
import subprocess

from host import Failed

INIT = r"""#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/lib/modules/$module.ko" 2>/dev/null; done </etc/modules
word() { sed -n "s/.*bench\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
ip link set lo up
ip addr add "$(word ip)/16" dev eth0
ip link set eth0 up
stty -F /dev/ttyS0 -echo 2>/dev/null
echo 2 >/proc/sys/kernel/printk
echo bench-ready
if [ "$(word role)" = server ]; then
  while :; do /bench/iperf3 -s >/dev/null 2>&1; done
fi
while read -r seconds; do
  /bench/iperf3 -c "$(word peer)" -t "$seconds" -f m >/run/out 2>&1
  rate=$(sed -n 's/.* \([0-9.]*\) Mbits\/sec.*receiver/\1/p' /run/out)
  echo "bench-rate ${rate:-none: $(tail -n 1 /run/out)}"
done </dev/ttyS0
"""


class BootFiles:
    """kernel, initrd: paths in `folder`; arguments: the kernel's."""

    def __init__(self, folder, root):
        with open(f"{root}/images/manifests/tiny.json", encoding="utf-8") as file:
            manifest = json.load(file)
        self.kernel, self.initrd = f"{folder}/kernel", f"{folder}/initrd"
        self.arguments = manifest["kernel_arguments"] + " rdinit=/bench/init"
        shutil.copyfile(f"{root}/images/parts/{manifest['kernel']['digest']}", self.kernel)
        with open(self.initrd, "wb") as out:
            out.write(archive(files()))
            with open(f"{root}/images/parts/{manifest['initrd']['digest']}", "rb") as tiny:
                shutil.copyfileobj(tiny, out)


def files():
    """(path in the guest, mode, content) of everything that is added; folders before what is in them."""
    program = shutil.which("iperf3")
    if not program:
        raise Failed("bulk: iperf3 is not installed")
    found = {"bench/init": INIT.encode(), "bench/iperf3": content(program)}
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"(/\S+) \(0x", listed):
        found[path.lstrip("/")] = content(path)
    folders = sorted({parent for path in found for parent in parents(path)})
    return [(path, stat.S_IFDIR | 0o755, b"") for path in folders] + \
        [(path, stat.S_IFREG | 0o755, data) for path, data in found.items()]


def parents(path):
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def content(path):
    with open(os.path.realpath(path), "rb") as file:
        return file.read()


def archive(entries):
    """cpio, "newc" (Linux, early-userspace/buffer-format.rst), padded so that another may follow."""
    data = b""
    for number, (path, mode, body) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name), 0)
        data += padded(b"070701" + b"".join(b"%08X" % field for field in fields) + name, 4)
        data += padded(body, 4)
    return padded(data, 512)


def padded(data, size):
    return data + b"\0" * (-len(data) % size)
