#!/usr/bin/env python3
"""Guests that boot from their disk: BIOS and UEFI, from every disk model; Secure Boot starts what is
signed; UEFI variables belong to the machine and go with it."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import host
from host import Host

HOST = Host()
MIB = 1 << 20
GRUB = """serial --unit=0 --speed=115200
terminal_output serial
linux /vmlinuz console=ttyS0 no_timer_check
initrd /initrd
boot
"""


def tiny_parts():
    """Kernel and initramfs of the image tiny."""
    status = Host(project="shared").get("image", "tiny")["status"]
    return [f"{HOST.root}/images/parts/{status[part]['digest']}" for part in ("kernel", "initrd")]


def hybrid_disk(folder):
    """A disk that both BIOS and UEFI boot."""
    tree = pathlib.Path(folder, "tree")
    (tree / "boot/grub").mkdir(parents=True)
    for part, name in zip(tiny_parts(), ("vmlinuz", "initrd")):
        shutil.copy(part, tree / name)
    (tree / "boot/grub/grub.cfg").write_text(GRUB, encoding="utf-8")
    path = f"{folder}/hybrid.raw"
    subprocess.run(["grub-mkrescue", "-o", path, tree], check=True, capture_output=True)
    return path


def signed_disk(folder):
    """An EFI system partition, whole disk: Debian's shim, GRUB and kernel, all signed."""
    path = f"{folder}/signed.raw"
    grub = pathlib.Path(folder, "signed.cfg")
    grub.write_text(GRUB, encoding="utf-8")
    kernel, initrd = tiny_parts()
    subprocess.run(["truncate", "-s", "80M", path], check=True)
    subprocess.run(["mformat", "-i", path, "-F", "::"], check=True)
    subprocess.run(["mmd", "-i", path, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"], check=True)
    for source, target in (("/usr/lib/shim/shimx64.efi.signed", "EFI/BOOT/BOOTX64.EFI"),
                           ("/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "EFI/BOOT/grubx64.efi"),
                           (grub, "EFI/debian/grub.cfg"), (kernel, "vmlinuz"), (initrd, "initrd")):
        subprocess.run(["mcopy", "-i", path, source, f"::/{target}"], check=True)
    return path


class Firmware(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[:40].rstrip("-")
        self.folder = tempfile.mkdtemp(prefix="bt-firmware-")

    def tearDown(self):
        HOST.delete("machine", self.name)
        HOST.delete("volume", self.name)
        shutil.rmtree(self.folder)

    def boot(self, disk, model, **spec):
        """A machine that has nothing but this disk, once its agent answers."""
        HOST.run("volume", "create", self.name, "--format", "raw", "--size",
                 f"{-(-os.path.getsize(disk) // MIB)}MiB", "--wait")
        path = f"{HOST.root}/volumes/{HOST.get('volume', self.name)['status']['path']}"
        subprocess.run(["dd", f"if={disk}", f"of={path}", "conv=notrunc", "bs=1M"], check=True,
                       capture_output=True)
        machine = HOST.machine(self.name, boot="disk", memory="512MiB", **spec)
        del machine["spec"]["image"]
        machine["spec"]["disks"] = [{"name": "root", "volume": self.name, "model": model}]
        machine["spec"]["interfaces"] = [{"name": "net0", "model": "e1000"}]
        HOST.apply(machine)
        HOST.wait_ready(self.name, 300)

    def guest(self, *command):
        return HOST.run("machine", "exec", self.name, "--", *command).stdout

    def variables(self):
        uid = HOST.get("machine", self.name)["metadata"]["uid"]
        return f"{HOST.root}/volumes/firmware/{uid}.fd"

    def test_bios_from_sata(self):
        self.boot(hybrid_disk(self.folder), "sata")
        self.assertNotIn("efi", self.guest("ls", "/sys/firmware"))
        self.assertFalse(os.path.exists(self.variables()))
        self.assertIn("0x100e", self.guest("sh", "-c", "cat /sys/bus/pci/devices/*/device"),
                      "the guest sees an e1000")

    def test_uefi_from_sata(self):
        disks = [{"name": "root", "volume": self.name, "model": "scsi"}]
        refused = HOST.run("apply", "-f", "-", check=False, input=host.json_documents(
            [HOST.machine(self.name, boot="disk", firmware="uefi", disks=disks)]))
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("no driver", refused.stderr)
        self.boot(hybrid_disk(self.folder), "sata", firmware="uefi")
        self.assertIn("efi", self.guest("ls", "/sys/firmware"))
        variables = self.variables()
        self.assertEqual(os.stat(variables).st_mode & 0o777, 0o600)
        refused = HOST.run("apply", "-f", "-", check=False, input=host.json_documents(
            [dict(HOST.machine(self.name, boot="disk", firmware="bios",
                               disks=[{"name": "root", "volume": self.name}]))]))
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("spec.firmware", refused.stderr)
        before = os.stat(variables).st_ino
        HOST.run("machine", "stop", self.name, "--wait")
        HOST.run("machine", "start", self.name, "--wait")
        self.assertEqual(os.stat(variables).st_ino, before, "the same variables at every start")
        HOST.delete("machine", self.name)
        host.wait_for(lambda: not os.path.exists(variables), 20, "the variables go with the machine")

    def test_secure_boot_starts_what_is_signed(self):
        self.boot(signed_disk(self.folder), "virtio", firmware="uefi-secure")
        pinned = HOST.get("machine", self.name)["status"]["pinned"]
        self.assertTrue(pinned["machineType"].startswith("pc-q35-10."), pinned)
        self.assertIn("Secure boot enabled", self.guest("dmesg"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
