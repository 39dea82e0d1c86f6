#!/usr/bin/env python3
"""Imports of disks and appliances: every format arrives byte for byte and is what a guest then reads;
hostile files are each refused with a clear error, and leave nothing behind; a transfer that breaks
goes on where it stopped."""
import hashlib
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

import host
from host import Host, wait_for

HOST = Host(project="import")
OVF = """<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1">
<References><File id="f" href="shop-disk1.vmdk"/>%(files)s</References>
<DiskSection><Disk diskId="d" fileRef="f" capacity="8" capacityAllocationUnits="byte * 2^20"/>%(disks)s</DiskSection>
<VirtualSystem id="shop"><Name>shop</Name><VirtualHardwareSection>
<Item><InstanceID>1</InstanceID><ResourceType>3</ResourceType><VirtualQuantity>1</VirtualQuantity></Item>
<Item><InstanceID>2</InstanceID><ResourceType>4</ResourceType><VirtualQuantity>128</VirtualQuantity></Item>
<Item><InstanceID>3</InstanceID><ResourceType>10</ResourceType><ResourceSubType>E1000</ResourceSubType></Item>
<Item><InstanceID>5</InstanceID><ResourceType>17</ResourceType><HostResource>ovf:/disk/d</HostResource></Item>
%(items)s</VirtualHardwareSection></VirtualSystem></Envelope>
"""


def qemu_img(*words):
    subprocess.run(["qemu-img", *words], check=True, stdout=subprocess.DEVNULL)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write(path, data, at=None):
    with open(path, "r+b" if at is not None else "wb") as file:
        file.seek(at or 0)
        file.write(data)
    return path


def big(value, width):
    return value.to_bytes(width, "big")


def little(value, width):
    return value.to_bytes(width, "little")


def flat(folder, raw):
    """A VMDK whose data is in another file."""
    qemu_img("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, f"{folder}/flat.vmdk")
    return f"{folder}/flat.vmdk"


def pack(folder, name, members):
    """An OVA of members [(name, bytes)], in this order."""
    for member, data in members:
        write(f"{folder}/{member}", data)
    subprocess.run(["tar", "--format=ustar", "-C", folder, "-cf", f"{folder}/{name}",
                    *[m for m, _ in members]], check=True)
    return f"{folder}/{name}"


def manifest(members):
    return "".join(f"SHA256({n})= {hashlib.sha256(d).hexdigest()}\n" for n, d in members).encode()


class Import(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bt-import-", dir="/tmp")
        self.raw = f"{self.folder}/disk.raw"
        dice = random.Random(7)
        write(self.raw, bytes(8 << 20))
        write(self.raw, dice.randbytes(510) + b"\x55\xaa" + dice.randbytes(1 << 20), at=0)
        write(self.raw, dice.randbytes(300000), at=5 << 20)
        self.images = []

    def tearDown(self):
        for kind in ("machine", "volume", "image"):
            for found in HOST.list(kind):
                if found["metadata"]["project"] == HOST.project:
                    HOST.delete(kind, found["metadata"]["name"])
        shutil.rmtree(self.folder)

    def convert(self, name, *options):
        path = f"{self.folder}/{name}"
        qemu_img("convert", "-f", "raw", "-O", name.rsplit(".", 1)[1], *options, self.raw, path)
        return path

    def take(self, path, name, *words, check=True):
        return HOST.run("image", "import", path, "--name", name, "--no-progress", *words, check=check)

    def content(self, image):
        """Digest of the disk in the store, as bytes of the disk."""
        status = HOST.get("image", image)["status"]
        self.assertEqual(status["diskFormat"], "qcow2")
        part = f"{HOST.root}/images/parts/{status['disk']['digest']}"
        self.assertEqual(sha256(part), status["disk"]["digest"])
        qemu_img("convert", "-f", "qcow2", "-O", "raw", part, f"{self.folder}/back.raw")
        return sha256(f"{self.folder}/back.raw")

    def test_formats(self):
        files = {
            "v3": self.convert("a.qcow2"),
            "zlib": self.convert("z.qcow2", "-c"),
            "stream": self.convert("s.vmdk", "-o", "subformat=streamOptimized"),
            "sparse": self.convert("m.vmdk", "-o", "subformat=monolithicSparse"),
            "raw": self.raw,
        }
        wanted = sha256(self.raw)
        for name, path in files.items():
            self.take(path, name)
            self.assertEqual(self.content(name), wanted, name)
            self.assertEqual(HOST.get("image", name)["status"]["phase"], "ready")
        self.assertEqual(HOST.get("image", "stream")["status"]["sourceFormat"], "vmdk")
        self.assertEqual(os.listdir(f"{HOST.root}/volumes/uploads"), [], "uploads are removed")
        again = self.take(files["v3"], "v3")
        self.assertIn("imported", again.stderr)
        other = self.take(files["zlib"], "v3", check=False)
        self.assertEqual(other.returncode, 5, other.stderr)

    def test_guest_reads_it(self):
        self.take(self.convert("s.vmdk", "-o", "subformat=streamOptimized"), "stream")
        HOST.apply({"apiVersion": "bridle/v1", "kind": "Volume",
                    "metadata": {"name": "data", "project": HOST.project}, "spec": {"image": "stream"}},
                   HOST.machine("reader", disks=[{"name": "data", "volume": "data"}]))
        HOST.wait_ready("reader")
        said = HOST.run("machine", "exec", "reader", "--", "sha256sum", "/dev/vda").stdout
        self.assertEqual(said.split()[0], sha256(self.raw))

    def test_appliance(self):
        disk = self.convert("s.vmdk", "-o", "subformat=streamOptimized")
        with open(disk, "rb") as file:
            data = file.read()
        words = {"files": '<File id="g" href="shop-disk2.vmdk"/>',
                 "disks": '<Disk diskId="e" fileRef="g" capacity="8388608"/>',
                 "items": "<Item><InstanceID>6</InstanceID><ResourceType>17</ResourceType>"
                          "<HostResource>ovf:/disk/e</HostResource></Item>"}
        members = [("shop.ovf", (OVF % words).encode()), ("shop-disk1.vmdk", data), ("shop-disk2.vmdk", data)]
        ova = pack(self.folder, "shop.ova", [members[0], ("shop.mf", manifest(members)), *members[1:]])
        done = self.take(ova, "shop")
        self.assertIn("not signed", done.stderr)
        self.assertIn("model: e1000", done.stdout)
        self.assertIn("owner: ", done.stdout)
        for image in ("shop", "shop-disk2"):
            self.assertEqual(self.content(image), sha256(self.raw))
        # The machine as it was printed, but booted by tiny's kernel.
        HOST.run("apply", "-f", "-", input=re.sub(r"(?m)^  boot: disk$", "  image: tiny", done.stdout))
        HOST.run("machine", "start", "shop", "--wait")
        HOST.wait_ready("shop")
        said = HOST.run("machine", "exec", "shop", "--", "sha256sum", "/dev/vda", "/dev/vdb").stdout
        self.assertEqual([line.split()[0] for line in said.splitlines()], [sha256(self.raw)] * 2)

    def test_transfer_goes_on(self):
        size, digest = os.path.getsize(self.raw), sha256(self.raw)
        HOST.apply({"apiVersion": "bridle/v1", "kind": "Image",
                    "metadata": {"name": "slow", "project": HOST.project},
                    "spec": {"recipe": "imported",
                             "source": {"size": f"{size}B", "digest": digest, "format": "raw"}}})
        with open(self.raw, "rb") as file:
            data = file.read()
        self.post("actions/build")
        link, offset = self.upload()
        self.assertEqual(offset, 0)
        link.sendall(data[:3 << 20])
        wait_for(lambda: self.kept() == 3 << 20, 20, "3 MiB are kept", self.kept)
        link.close()
        link, offset = self.upload()
        self.assertEqual(offset, 3 << 20)
        link.sendall(data[offset:])
        self.assertEqual(link.makefile("rb").readline(), b"done\n")
        link.close()
        wait_for(lambda: HOST.get("image", "slow")["status"].get("phase") == "ready", 60, "imported",
                 lambda: HOST.get("image", "slow")["status"])
        self.assertEqual(self.content("slow"), digest)

    def test_deletion_of_one_that_waits(self):
        """An import whose file nobody sends is given up with its image, at once."""
        HOST.apply({"apiVersion": "bridle/v1", "kind": "Image", "metadata": {"name": "slow", "project": HOST.project},
                    "spec": {"recipe": "imported", "source": {"size": "512B", "digest": "0" * 64, "format": "raw"}}})
        self.post("actions/build")
        wait_for(lambda: HOST.get("image", "slow")["status"].get("phase") == "building", 20, "it waits")
        HOST.run("image", "delete", "slow")
        wait_for(lambda: "slow" not in [i["metadata"]["name"] for i in HOST.list("image")], 30, "it is gone")

    # -- and out again -------------------------------------------------------------------------
    def volume(self, name, image):
        HOST.apply({"apiVersion": "bridle/v1", "kind": "Volume", "metadata": {"name": name, "project": HOST.project},
                    "spec": {"image": image}})
        wait_for(lambda: HOST.get("volume", name)["status"].get("phase") == "ready", 30, "the volume is ready")

    def test_export_of_a_volume(self):
        self.take(self.convert("a.qcow2"), "base")
        self.volume("data", "base")
        for form in ("qcow2", "raw", "vmdk"):
            HOST.run("volume", "export", "data", "--format", form, "--file", f"{self.folder}/out.{form}")
            qemu_img("convert", "-f", form, "-O", "raw", f"{self.folder}/out.{form}", f"{self.folder}/back.raw")
            self.assertEqual(sha256(f"{self.folder}/back.raw"), sha256(self.raw), form)
        info = subprocess.run(["qemu-img", "info", f"{self.folder}/out.qcow2"], capture_output=True, text=True, check=True)
        self.assertNotIn("backing", info.stdout)
        again = HOST.run("volume", "export", "data", "--file", f"{self.folder}/out.qcow2", check=False)
        self.assertEqual(again.returncode, 5, again.stderr)
        HOST.apply(HOST.machine("writer", disks=[{"name": "data", "volume": "data"}]))
        HOST.wait_ready("writer")
        busy = HOST.run("volume", "export", "data", "--file", f"{self.folder}/busy.qcow2", check=False)
        self.assertEqual(busy.returncode, 5, busy.stderr)
        self.assertIn("machine/import/writer", busy.stderr)
        self.assertFalse(os.path.exists(f"{self.folder}/busy.qcow2.incomplete"))
        # What the guest writes is what is exported then.
        HOST.run("machine", "exec", "writer", "--", "sh", "-c", "printf changed | dd of=/dev/vda conv=notrunc,fsync")
        HOST.run("machine", "stop", "writer", "--force", "--wait")
        HOST.run("volume", "export", "data", "--format", "raw", "--file", f"{self.folder}/after.raw")
        with open(f"{self.folder}/after.raw", "rb") as file:
            self.assertEqual(file.read(7), b"changed")
        verbs = HOST.run("ledger", "list", "-o", "json").stdout
        self.assertIn('"export"', verbs)

    def test_appliance_goes_out_and_comes_back(self):
        self.take(self.convert("a.qcow2"), "base")
        self.volume("web-root", "base")
        HOST.apply(HOST.machine("web", power="stopped", cpus=2,
                                disks=[{"name": "root", "volume": "web-root", "model": "sata"}]))
        key, ova = f"{self.folder}/me.pem", f"{self.folder}/web.ova"
        done = HOST.run("machine", "export", "web", "--sign", key, "--file", ova)
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        fingerprint = re.search(r"certificate ([0-9a-f]{64})", done.stderr)[1]
        names = subprocess.run(["tar", "-tf", ova], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(names, ["web.ovf", "web-root.vmdk", "web.mf", "web.cert"])
        self.openssl_agrees(ova)
        cert = f"{self.folder}/me.crt"
        subprocess.run(["openssl", "x509", "-in", key, "-out", cert], check=True)
        back = self.take(ova, "back", "--signer", cert)
        self.assertIn(f"certificate {fingerprint}", back.stderr)
        self.assertIn("cpus: 2", back.stdout)
        self.assertIn("model: sata", back.stdout)
        self.assertEqual(self.content("back"), sha256(self.raw))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=other", "-keyout",
                        f"{self.folder}/o.key", "-out", f"{self.folder}/o.crt"], check=True, stderr=subprocess.DEVNULL)
        other = self.take(ova, "other", "--signer", f"{self.folder}/o.crt", check=False)
        self.assertEqual(other.returncode, 4, other.stderr)
        self.assertIn("and not by", other.stderr)
        # One bit of a disk, and the manifest does not vouch for it any more.
        with open(ova, "r+b") as file:
            file.seek(os.path.getsize(ova) // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))
        bad = self.take(ova, "bad", "--signer", cert, check=False)
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn("another digest", bad.stderr)

    def openssl_agrees(self, ova):
        """The signature, checked by a program that has nothing of ours."""
        subprocess.run(["tar", "-xf", ova, "-C", self.folder, "web.mf", "web.cert"], check=True)
        with open(f"{self.folder}/web.cert", encoding="ascii") as file:
            text = file.read()
        write(f"{self.folder}/web.sig", bytes.fromhex(re.match(r"SHA256\(web.mf\)= ([0-9a-f]+)\n", text)[1]))
        with open(f"{self.folder}/web.pub", "wb") as file:
            subprocess.run(["openssl", "x509", "-in", f"{self.folder}/web.cert", "-noout", "-pubkey"], check=True, stdout=file)
        subprocess.run(["openssl", "dgst", "-sha256", "-verify", f"{self.folder}/web.pub", "-signature",
                        f"{self.folder}/web.sig", f"{self.folder}/web.mf"], check=True, stdout=subprocess.DEVNULL)

    def test_libvirt(self):
        self.take(self.convert("a.qcow2"), "base")
        self.volume("web-root", "base")
        HOST.apply(HOST.machine("web", power="stopped", cpus=2, memory="192MiB",
                                disks=[{"name": "root", "volume": "web-root", "model": "sata"}],
                                interfaces=[{"name": "net0", "model": "e1000"}]))
        out = HOST.run("machine", "export", "web", "--format", "libvirt", "--disks", "/srv/disks")
        self.assertIn("volume export web-root", out.stderr)
        self.assertIn('<source file="/srv/disks/web-root.qcow2"/>', out.stdout)
        back = HOST.run("machine", "import", "-", "--name", "again", input=out.stdout)
        self.assertIn("image import /srv/disks/web-root.qcow2 --name again-sda", back.stderr)
        for line in ("cpus: 2", "memory: 192MiB", "model: sata", "model: e1000", "boot: disk", "image: again-sda"):
            self.assertIn(line, back.stdout)
        self.take(self.convert("b.qcow2"), "again-sda")
        HOST.run("apply", "-f", "-", input=back.stdout)
        self.assertEqual(HOST.get("machine", "again")["spec"]["boot"], "disk")
        bad = HOST.run("machine", "import", "-", input="<domain><name>x</name><vcpu>0</vcpu></domain>", check=False)
        self.assertEqual(bad.returncode, 4, bad.stderr)
        self.assertIn("line 1", bad.stderr)

    def kept(self):
        folder = f"{HOST.root}/volumes/uploads"
        return sum(os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder))

    def request(self, method, path, *headers):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(60)
        link.connect(f"{HOST.root}/run/bridled.sock")
        lines = [f"{method} /api/v1/projects/{HOST.project}/images/slow/{path} HTTP/1.1", "Host: bridle",
                 *headers, "", ""]
        link.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            got = link.recv(1)
            if not got:
                break
            head += got
        return link, int(head.split()[1])

    def post(self, path):
        link, status = self.request("POST", path)
        link.close()
        self.assertEqual(status, 202)

    def upload(self):
        found = []

        def connected():
            link, status = self.request("GET", "upload", "Connection: Upgrade", "Upgrade: bridle-stream")
            if status != 101:
                link.close()
                return False
            found.append(link)
            return True

        wait_for(connected, 20, "the upload is taken")
        greeting = b""
        while not greeting.endswith(b"\n"):
            greeting += found[0].recv(1)
        self.assertTrue(greeting.startswith(b"bridle-upload 1 "), greeting)
        return found[0], int(greeting.split()[2])

    # -- hostile files -------------------------------------------------------------------------
    def hostile(self):
        """(file, words, part of the error): made by qemu-img, then spoiled."""
        secret = f"{self.folder}/secret"
        write(secret, b"do not read me" * 40)
        back = f"{self.folder}/back.qcow2"
        qemu_img("create", "-q", "-f", "qcow2", "-u", "-b", secret, "-F", "raw", back, "1M")
        yield back, [], "backing file"
        yield back, ["--format", "raw"], "qcow2 disk"
        data = f"{self.folder}/data.qcow2"
        qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={self.folder}/d.raw", data, "1M")
        yield data, [], "external data file"
        luks = f"{self.folder}/luks.qcow2"
        qemu_img("create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o",
                 "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", luks, "1M")
        yield luks, [], "encrypted"
        spoiled = {"size": (24, big(1 << 62, 8), "more than the limit"),
                   "l1": (36, big(1 << 31, 4), "L1 table"), "l1at": (40, big(1 << 40, 8), "L1 table"),
                   "over": (40, big(0, 8), "L1 table"), "ref": (56, big(1 << 30, 4), "refcount table"),
                   "feature": (72, big(1 << 40, 8), "features"), "crypt": (32, big(1, 4), "encrypted")}
        for name, (at, value, said) in spoiled.items():
            yield write(shutil.copy(self.convert("a.qcow2"), f"{self.folder}/{name}.qcow2"), value, at), [], said
        cut = self.convert("cut.qcow2")
        os.truncate(cut, os.path.getsize(cut) // 2)
        yield cut, [], "byte"
        yield from self.bomb()
        yield from self.hostile_vmdk()
        yield from self.hostile_ova()
        yield write(f"{self.folder}/empty.raw", b"x" * 511), ["--format", "raw"], "sectors"
        yield write(f"{self.folder}/text", b"hello" * 300), [], "--format raw"

    def bomb(self):
        """Clusters without number, all of the same few compressed bytes."""
        path = f"{self.folder}/bomb.qcow2"
        qemu_img("create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", path, "4T")
        with open(path, "rb") as file:
            header = file.read(104)
        l1 = struct.unpack(">Q", header[40:48])[0]
        end = (os.path.getsize(path) + (2 << 20) - 1) // (2 << 20) * (2 << 20)
        with open(path, "r+b") as file:
            for table in range(4):
                file.seek(l1 + 8 * table)
                file.write(big((end + table * (2 << 20)) | 1 << 63, 8))
                file.seek(end + table * (2 << 20))
                file.write(big(1 << 62 | end + 8 * (2 << 20), 8) * (1 << 18))
            file.seek(end + 8 * (2 << 20))
            file.write(bytes(4096))
        yield path, [], "limit"

    def hostile_vmdk(self):
        yield flat(self.folder, self.raw), [], "spread over several files"
        link = write(f"{self.folder}/paths.vmdk", b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n'
                     b'createType="monolithicFlat"\nRW 16384 FLAT "/etc/shadow" 0\n')
        yield link, [], "descriptor"
        good = self.convert("g.vmdk", "-o", "subformat=streamOptimized")
        text = open(good, "rb").read()
        for name, old, new, said in (("parent", b"parentCID=ffffffff", b"parentCID=00000001", "parent"),
                                     ("hint", b"ddb.virtualHWVersion", b"parentFileNameHint=x", "parent"),
                                     ("extent", b'SPARSE "', b'FLAT "/x', "another file")):
            yield write(f"{self.folder}/{name}.vmdk", text.replace(old, new)), [], said
        for name, at, value, said in (("capacity", 12, little(0, 8), "capacity"),
                                      ("grain", 20, little(3, 8), "grain"), ("far", 28, little(1 << 40, 8), "descriptor")):
            yield write(shutil.copy(good, f"{self.folder}/{name}.vmdk"), value, at), [], said
        os.truncate(good, os.path.getsize(good) - 4096)
        yield good, [], "cut short"

    def hostile_ova(self):
        disk = open(self.convert("o.vmdk", "-o", "subformat=streamOptimized"), "rb").read()
        plain = (OVF % {"files": "", "disks": "", "items": ""}).encode()
        members = [("shop.ovf", plain), ("shop-disk1.vmdk", disk)]
        wrong = manifest([("shop.ovf", plain), ("shop-disk1.vmdk", disk + b"x")])
        yield pack(self.folder, "wrong.ova", [*members, ("shop.mf", wrong)]), [], "another digest"
        bomb = b'<!DOCTYPE x [<!ENTITY a "b">]><Envelope>&a;</Envelope>'
        yield pack(self.folder, "bomb.ova", [("shop.ovf", bomb), members[1]]), [], "document type"
        yield pack(self.folder, "none.ova", [members[1]]), [], "no .ovf"
        os.symlink("/etc/shadow", f"{self.folder}/link.vmdk")
        for name, words, said in (("link", ["shop.ovf", "link.vmdk"], "symbolic link"),
                                  ("path", ["--transform", "s,shop.ovf,../../etc/cron.d/x,", "shop.ovf"], "path"),
                                  ("twice", ["shop.ovf", "--transform", "s,.*vmdk,shop.ovf,", "shop-disk1.vmdk"],
                                   "twice")):
            write(f"{self.folder}/shop.ovf", plain)
            subprocess.run(["tar", "--format=ustar", "-P", "-C", self.folder, "-cf", f"{self.folder}/{name}.ova",
                            *words], check=True)
            yield f"{self.folder}/{name}.ova", [], said if name != "twice" else "is in the archive twice"

    def test_hostile(self):
        count = 0
        for path, words, said in self.hostile():
            count += 1
            name = f"bad-{count}"
            done = self.take(path, name, *words, check=False)
            self.assertNotEqual(done.returncode, 0, path)
            self.assertIn(said, done.stderr, path)
            self.assertLess(len(done.stderr), 1500, done.stderr)
            self.assertEqual(HOST.get("image", name)["status"]["phase"], "failed")
            HOST.delete("image", name)
        print(f"{count} hostile files, each refused with what is wrong and where")
        self.assertGreaterEqual(count, 25)
        self.assertEqual(self.kept(), 0, "what was refused is not kept")
        self.assertEqual([n for n in os.listdir(f"{HOST.root}/images/parts") if "incomplete" in n], [])
        self.take(self.convert("fine.qcow2"), "fine")


if __name__ == "__main__":
    unittest.main(verbosity=2)
