"""Files that pretend to be disks and appliances: good ones made by qemu-img and tar, each spoiled in ways
that are known to do harm. cases() gives (class, what, bytes, words): what the import is told."""
import hashlib
import random
import struct
import subprocess

CLUSTER_MASK = 0x00FFFFFFFFFFFE00
NAMES = [b"/etc/passwd", b"../../etc/shadow", b"/proc/self/mem", b"/dev/vda", b"json:{\"driver\":\"file\"}",
         b"nbd://127.0.0.1:10809/x", b"http://169.254.169.254/", b"ssh://root@host/x", b"fat:/", b"a" * 200,
         b"\xff\xfe\x00x", b"%s%s%n", b"$(id)", b"host_device:/dev/sda", b"/run/bridle/bridled.sock"]


def big(value, width=8):
    return (value & (1 << 8 * width) - 1).to_bytes(width, "big")


def little(value, width=4):
    return (value & (1 << 8 * width) - 1).to_bytes(width, "little")


class Disk:
    """Bytes with their places found, to be spoiled at them."""

    def __init__(self, data):
        self.data = bytearray(data)

    def put(self, at, value):
        self.data[at:at + len(value)] = value
        return bytes(self.data)

    def u64(self, at):
        return struct.unpack_from(">Q", self.data, at)[0]

    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def q64(self, at):
        return struct.unpack_from("<Q", self.data, at)[0]


# -- qcow2 ------------------------------------------------------------------------------------------

class Qcow2(Disk):
    def __init__(self, data):
        super().__init__(data)
        self.l1, self.refs = self.u64(40), self.u64(48)
        self.l2 = self.u64(self.l1) & CLUSTER_MASK
        self.used = [self.l2 + 8 * i for i in range(512) if self.u64(self.l2 + 8 * i)]
        self.block = self.u64(self.refs)
        self.extensions = struct.unpack_from(">I", self.data, 100)[0]


def qcow2_backing(q, d):
    name = d.choice(NAMES)
    q.put(0x180, name)
    q.put(16, big(len(name), 4))
    return q.put(8, big(0x180))


def qcow2_data_file(q, d):
    name = d.choice(NAMES)[:100]
    q.put(72, big(d.choice((0, 4, 4, 5))))
    q.put(q.extensions, b"DATA" + big(len(name), 4) + name.ljust(-len(name) // 8 * -8, b"\0") + bytes(8))
    return bytes(q.data)


def qcow2_luks(q, d):
    q.put(q.extensions, big(0x0537BE77, 4) + big(16, 4) + big(d.getrandbits(40)) + big(4096) + bytes(8))
    return q.put(32, big(d.choice((0, 1, 2, 2, 3, d.getrandbits(32) | 1)), 4))


def qcow2_snapshots(q, d):
    q.put(60, big(d.choice((65537, 1 << 20, 1 << 31, (1 << 32) - 1, 3)), 4))
    return q.put(64, big(d.choice((1 << 40, len(q.data) * 2 // 65536 * 65536 + 65536, 777, 1 << 63))))


def qcow2_l1(q, d):
    if d.random() < 0.4:
        return q.put(36, big(d.choice((0, (4 << 20) + 1, 1 << 28, (1 << 32) - 1, 0x7FFFFFFF)), 4))
    at = d.choice((0, q.l1 + d.randrange(1, 511), q.refs, q.block, q.l2, len(q.data) // 512 * 512 + 65536, 1 << 62,
                   (1 << 64) - 512))
    return q.put(40, big(at))


def qcow2_refcounts(q, d):
    which = d.randrange(5)
    if which == 0:
        return q.put(56, big(d.choice((0, 1 << 16, 1 << 31, (1 << 32) - 1)), 4))
    if which == 1:
        return q.put(48, big(d.choice((0, 511, q.l1, q.l2, 1 << 40, (1 << 64) - 65536, 1 << 63))))
    if which == 2:
        return q.put(q.refs, big(d.choice((q.l1, q.l2, q.refs, 1 << 45, q.block + 512, (1 << 64) - 512))))
    if which == 3:
        return q.put(96, big(d.randrange(7, 1 << 32), 4))
    return q.put(q.refs + 8 * d.randrange(1, 60), big(q.block))


def qcow2_l2(q, d):
    which = d.randrange(4)
    if which == 0:
        return q.put(q.l1, big((d.getrandbits(64) | 1 << 54) & CLUSTER_MASK))
    if which == 1:
        return q.put(q.l1, big(d.choice((q.l1, q.refs, q.block)) | 1 << 63))
    if which == 2:
        return q.put(q.l1, big(q.l2 | d.choice((1 << 62, 1 << 57, 1, 256)) | 1 << 63))
    return q.put(q.l1, big((q.l2 + d.randrange(512, 65536, 512)) | 1 << 63))


def qcow2_cluster(q, d):
    entry = d.choice(q.used)
    which = d.randrange(4)
    if which == 0:
        return q.put(entry, big((d.getrandbits(64) | 1 << 55) & CLUSTER_MASK))
    if which == 1:
        return q.put(entry, big(d.choice((q.l1, q.l2, q.refs, q.block)) | 1 << 63))
    if which == 2:
        other = d.choice([e for e in q.used if e != entry])
        return q.put(entry, big(q.u64(other)))
    return q.put(entry, big(q.u64(entry) | d.choice((1 << 61, 1 << 57, 512))))


def qcow2_compressed(q, d):
    """Points behind the file: into its end, far away, or with a length that leaves it."""
    entry = d.choice(q.used)
    at = d.choice((len(q.data) + 512, 1 << 40, (1 << 54) - 1, len(q.data) - 1))
    return q.put(entry, big(1 << 62 | 0xFF << 54 | at))


def qcow2_features(q, d):
    return q.put(72, big(d.choice((1, 2, 3, 1 << d.randrange(5, 64), (1 << 64) - 1))))


def qcow2_numbers(q, d):
    at, value = d.choice(((4, big(d.choice((0, 1, 4, 1 << 31)), 4)), (20, big(d.choice((0, 8, 22, 31, 63, 1 << 31)), 4)),
                          (24, big(d.choice((0, 1 << 63, (1 << 64) - 512, 65 << 40, 1023)))),
                          (100, big(d.choice((0, 8, 103, 105, 1 << 20, 1 << 31)), 4))))
    return q.put(at, value)


def qcow2_cut(q, d):
    last = max(q.u64(e) & CLUSTER_MASK for e in q.used)
    return bytes(q.data[:d.choice((d.randrange(4, 512), d.randrange(512, q.l2), d.randrange(q.l2, last), last + 1))])


# -- vmdk -------------------------------------------------------------------------------------------

class Vmdk(Disk):
    def __init__(self, data):
        super().__init__(data)
        self.directory = 512 * self.q64(56)
        self.table = 512 * self.u32(self.directory)
        self.used = [self.table + 4 * i for i in range(512) if self.u32(self.table + 4 * i) > 1]

    def text(self, old, new):
        assert old in self.data[512:512 * 21], old
        at = self.data.index(old)
        line = self.data.index(b"\n", at)
        end = self.data.index(b"\0", line)
        rest = bytes(self.data[line:end])
        value = new + rest
        return self.put(at, value + bytes(max(0, end - at - len(value))))


def vmdk_numbers(v, d):
    at, value = d.choice(((4, little(d.choice((0, 4, 99, 1 << 31)))), (12, little(d.choice((0, 1 << 62, (1 << 64) - 1)), 8)),
                          (20, little(d.choice((0, 3, 7, 4096, 1 << 40, (1 << 64) - 1)), 8)),
                          (28, little(d.choice((0, 1 << 20, 1 << 62)), 8)), (36, little(d.choice((0, 2049, 1 << 40)), 8)),
                          (44, little(d.choice((0, 1, 513, 1 << 31)))), (77, little(d.choice((2, 255, 65535)), 2))))
    return v.put(at, value)


def vmdk_directory(v, d):
    return v.put(56, little(d.choice((0, 1, 2, 1 << 20, 1 << 40, (1 << 64) - 1, (1 << 64) - 2, len(v.data) // 512)), 8))


def vmdk_table(v, d):
    return v.put(v.directory, little(d.choice((1, v.directory // 512, 1 << 20, (1 << 32) - 1, len(v.data) // 512))))


def vmdk_grain(v, d):
    entry = d.choice(v.used)
    other = d.choice([e for e in v.used if e != entry])
    return v.put(entry, little(d.choice((v.table // 512, v.directory // 512, 1 << 24, (1 << 32) - 1, v.u32(other), 2))))


def vmdk_marker(v, d):
    grain = 512 * v.u32(d.choice(v.used))
    if d.random() < 0.5:
        return v.put(grain, little(d.choice((7, 1 << 40, (1 << 64) - 1)), 8))
    return v.put(grain + 8, little(d.choice((0, 1 << 20, (1 << 32) - 1))))


def vmdk_inflates(v, d):
    """A grain that unpacks to more than a grain, or to nothing at all."""
    import zlib
    grain = 512 * v.u32(d.choice(v.used[:-1]))
    size = v.u32(grain + 8)
    packed = zlib.compress(bytes(64 << 20), 9)[:size] if d.random() < 0.5 else d.randbytes(size)
    return v.put(grain + 12, packed)


def vmdk_extent(v, d):
    name = d.choice(NAMES).replace(b"\0", b"?").replace(b"\n", b"?")[:150]
    line = d.choice((b'RW 16384 FLAT "%s" 0', b'RW 16384 SPARSE "/x/%s"', b'RDONLY 16384 ZERO\nRW 1 FLAT "%s"',
                     b'RW 16384 VMFS "%s"', b'RW 99 SPARSE "%s"', b'RW x SPARSE "%s"',
                     b'RW 16384 SPARSE "a"\nRW 16384 SPARSE "%s"'))
    return v.text(b"RW ", line % name)


def vmdk_parent(v, d):
    if d.random() < 0.5:
        return v.text(b"parentCID=", b"parentCID=%08x" % d.randrange(1, 1 << 31))
    return v.text(b"ddb.", b'parentFileNameHint="%s"' % d.choice(NAMES).replace(b"\0", b"?")[:150])


def vmdk_kind(v, d):
    return v.text(b"createType=", b'createType="%s"' % d.choice(
        (b"monolithicFlat", b"twoGbMaxExtentSparse", b"fullDevice", b"vmfs", b"custom", b"")))


def vmdk_cut(v, d):
    last = 512 * max(v.u32(e) for e in v.used)
    return bytes(v.data[:d.choice((d.randrange(4, 512), d.randrange(512, v.table), d.randrange(v.table, last),
                                   len(v.data) - 512 * d.randrange(2, 8), len(v.data) - d.randrange(1, 511)))])


def vmdk_text(_, d):
    name = d.choice(NAMES).replace(b"\0", b"?")
    line = d.choice((b'RW 2048 FLAT "%s" 0\n', b'RW 2048 SPARSE "%s"\n', b"", b'parentFileNameHint="%s"\n'))
    return b"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n" + (line % name if line else b"") + \
        d.choice((b"", b"#" * 900))


# -- appliances -------------------------------------------------------------------------------------

OVF = """<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"><References>%(files)s</References>
<DiskSection>%(disks)s</DiskSection>%(more)s<VirtualSystem id="shop"><VirtualHardwareSection>
<Item><InstanceID>1</InstanceID><ResourceType>3</ResourceType><VirtualQuantity>%(cpus)s</VirtualQuantity></Item>
<Item><InstanceID>2</InstanceID><ResourceType>4</ResourceType><VirtualQuantity>%(memory)s</VirtualQuantity></Item>
<Item><InstanceID>5</InstanceID><ResourceType>17</ResourceType><HostResource>%(host)s</HostResource></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>"""
GOOD = {"files": '<File id="f" href="d.vmdk"/>', "disks": '<Disk diskId="d" fileRef="f" capacity="8388608"/>',
        "more": "", "cpus": "1", "memory": "128", "host": "ovf:/disk/d"}


def ovf(**changes):
    return (OVF % {**GOOD, **changes}).encode()


def header(name, size, kind=b"0", magic=b"ustar\x0000", link=b"", prefix=b""):
    block = bytearray(512)
    for at, value in ((0, name[:100]), (100, b"0000644"), (108, b"0000000"), (116, b"0000000"), (124, b"%011o" % size),
                      (136, b"00000000000"), (148, b" " * 8), (156, kind), (157, link), (257, magic), (345, prefix)):
        block[at:at + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def tar(members, **words):
    out = b""
    for name, data in members:
        out += header(name, len(data), **words) + data + bytes(-len(data) % 512)
    return out + bytes(1024)


def ova_names(disk, d):
    name = d.choice((b"../x.vmdk", b"/etc/cron.d/x", b"a/b.vmdk", b"..", b".", b"", b"x\\y.vmdk", b"\x1b[2Jx.vmdk",
                     b"d\xc3\xa9.vmdk", b"C:\\x", b"./d.vmdk", b"x" * 98 + b"/y"))
    return tar([(b"shop.ovf", ovf()), (b"d.vmdk", disk), (name, b"x")])


def ova_kinds(disk, d):
    kind = d.choice((b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"g", b"x", b"L", b"K", b"S", b"V", b"M"))
    odd = header(d.choice((b"d.vmdk", b"link", b"././@LongLink")), 0, kind, link=d.choice(NAMES)[:99])
    return tar([(b"shop.ovf", ovf())])[:-1024] + odd + tar([(b"d.vmdk", disk)])


def ova_numbers(disk, d):
    good = bytearray(tar([(b"shop.ovf", ovf()), (b"d.vmdk", disk)]))
    at = 512 + -(-len(ovf()) // 512) * 512
    which = d.randrange(4)
    if which == 0:
        good[at + 124:at + 136] = d.choice((b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-0000000001\0"))
        good[at + 148:at + 156] = b" " * 8
        good[at + 148:at + 156] = b"%06o\0 " % sum(good[at:at + 512])
    elif which == 1:
        good[at + d.randrange(0, 500)] ^= 1 << d.randrange(8)
    elif which == 2:
        return bytes(good[:at + 512 + len(disk) // 2])
    else:
        good[at + 257:at + 263] = b"broken"
    return bytes(good)


def ova_members(disk, d):
    return d.choice((
        lambda: tar([(b"d.vmdk", disk)]), lambda: tar([(b"a.ovf", ovf()), (b"b.ovf", ovf()), (b"d.vmdk", disk)]),
        lambda: tar([(b"a.ovf", ovf()), (b"d.vmdk", disk), (b"D.VMDK", b"x")]), lambda: tar([(b"a.ovf", ovf())]),
        lambda: tar([(b"a.ovf", ovf()), (b"d.vmdk", b"")]), lambda: tar([(b"a.ovf", ovf()), (b"d.vmdk", disk[:70000])]),
        lambda: tar([(b"a.ovf", ovf())] + [(b"m%d" % i, b"x") for i in range(70)] + [(b"d.vmdk", disk)]),
        lambda: tar([(b"a.ovf", ovf() + b" " * (3 << 20)), (b"d.vmdk", disk)])))()


def ova_manifest(disk, d):
    def line(name, data, algorithm="sha256"):
        return f"{algorithm.upper()}({name})= {hashlib.new(algorithm, data).hexdigest()}\n".encode()
    right = line("a.ovf", ovf()) + line("d.vmdk", disk)
    text = d.choice((line("a.ovf", ovf()) + line("d.vmdk", disk + b"x"), line("a.ovf", ovf()), right + right,
                     right + line("../../etc/passwd", b""), b"garbage\n", right.replace(b"SHA256", b"MD5"),
                     right[:-20] + b"\n", b"SHA256(a.ovf)= zz\n", right + b"\xff\xfe\n", right * 80,
                     line("a.ovf", ovf(), "sha512") + line("d.vmdk", disk + b"y", "sha384")))
    return tar([(b"a.ovf", ovf()), (b"a.mf", text), (b"d.vmdk", disk)])


def ova_signature(disk, d):
    manifest = b"".join(f"SHA256({n})= {hashlib.sha256(b).hexdigest()}\n".encode()
                        for n, b in (("a.ovf", ovf()), ("d.vmdk", disk)))
    cert = d.choice((b"", b"x", b"SHA256(a.mf)= 00\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                     b"SHA256(a.mf)= " + b"00" * 64 + b"\n-----BEGIN CERTIFICATE-----\n" + b"QUFB\n" * 40 +
                     b"-----END CERTIFICATE-----\n", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                     b"SHA256(a.mf)= 00\n" * 300, b"A" * (70 << 10)))
    members = [(b"a.ovf", ovf()), (b"a.mf", manifest), (b"a.cert", cert), (b"d.vmdk", disk)]
    return tar(members if d.random() < 0.8 else [m for m in members if m[0] != b"a.mf"])


def ova_xml(disk, d):
    laughs = "".join(f'<!ENTITY l{i} "{"&l%d;" % (i - 1) * 10}">' for i in range(1, 10))
    text = d.choice((
        b'<!DOCTYPE e [<!ENTITY l0 "ha">' + laughs.encode() + b"]><Envelope>&l9;</Envelope>",
        b'<!DOCTYPE e SYSTEM "file:///etc/shadow"><Envelope/>',
        b'<!DOCTYPE e [<!ENTITY % x SYSTEM "http://127.0.0.1/x"> %x;]><Envelope/>',
        b"<Envelope>" + b"<a>" * 5000, b"<Envelope>" + b"<a/>" * 40000 + b"</Envelope>",
        b"<Envelope " + b" ".join(b'a%d="x"' % i for i in range(200)) + b"/>", b"<Envelope>&#0;</Envelope>",
        b"\xff\xfe<\0E\0", b"", b"not xml", b"<domain/>", b"<Envelope/>", ovf()[:-30], ovf() + b"<more/>",
        ovf().replace(b"VirtualSystem id", b"VirtualSystemCollection id"), ovf().replace(b"<VirtualHardwareSection>", b"")))
    return tar([(b"a.ovf", text), (b"d.vmdk", disk)])


def ova_words(disk, d):
    changes = d.choice((
        {"files": '<File id="f" href="../d.vmdk"/>'}, {"files": '<File id="f" href="http://x/d.vmdk"/>'},
        {"files": '<File id="f" href="/etc/shadow"/>'}, {"files": '<File id="f" href="d.vmdk" compression="gzip"/>'},
        {"files": '<File id="f" href="d.vmdk" chunkSize="1"/>'}, {"files": '<File id="f" href=""/>'}, {"files": ""},
        {"files": '<File id="f" href="d.vmdk"/><File id="f" href="e.vmdk"/>'}, {"files": '<File id="f" href="e.vmdk"/>'},
        {"disks": '<Disk diskId="d" fileRef="f" parentRef="p" capacity="1"/>'}, {"disks": ""},
        {"disks": '<Disk diskId="d" fileRef="f" capacity="-1"/>'},
        {"disks": '<Disk diskId="d" fileRef="f" capacity="99999999999999999999"/>'},
        {"disks": '<Disk diskId="d" fileRef="f" capacity="1" capacityAllocationUnits="parsec"/>'},
        {"disks": '<Disk diskId="d" fileRef="f" capacity="1"/><Disk diskId="d" capacity="2"/>'},
        {"host": "/etc/shadow"}, {"host": "ovf:/disk/other"}, {"host": "ovf:/file/other"}, {"host": "file:///dev/sda"},
        {"cpus": "0"}, {"cpus": "1000000"}, {"cpus": "-1"}, {"cpus": "x"}, {"memory": "0"}, {"memory": "1e99"},
        {"memory": "99999999999999999999"}, {"memory": "1099511627776"}, {"more": '<VirtualSystem id="two"/>'}))
    return tar([(b"a.ovf", ovf(**changes)), (b"d.vmdk", disk)])


# -- what is not a disk at all ----------------------------------------------------------------------

FOREIGN = [(0, b"COWD"), (0, b"conectix"), (0, b"vhdxfile"), (0, b"<<< Oracle VM VirtualBox Disk Image >>>"), (0, b"QED\0"),
           (0, b"LUKS\xba\xbe"), (0, b"WithoutFreeSpace"), (0, b"WithouFreSpacExt"), (0, b"PK\x03\x04"), (0, b"\x1f\x8b"),
           (0, b"\xfd7zXZ"), (0, b"(\xb5/\xfd"), (0, b"BZh"), (0, b"QFI\xfb"), (0, b"KDMV"), (0, b"# Disk DescriptorFile\n")]


def foreign(_, d):
    data = bytearray(d.randbytes(d.choice((512, 2048, 5000))))
    at, magic = d.choice(FOREIGN)
    data[at:at + len(magic)] = magic
    return bytes(data)


def nothing(_, d):
    return d.choice((b"x", b"hello\n" * 90, bytes(511), bytes(1 << 20), d.randbytes(5000), b"\x7fELF" + bytes(600)))


# -- all of them ------------------------------------------------------------------------------------

def bombs(folder):
    """Small files that claim much: clusters without number of the same few packed bytes."""
    for clusters, tables in (("2M", 4), ("1M", 4), ("64k", 8), ("512k", 6)):
        path = f"{folder}/bomb.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"cluster_size={clusters}", path, "4T"], check=True)
        disk = Disk(open(path, "rb").read())
        size = 1 << struct.unpack_from(">I", disk.data, 20)[0]
        l1 = disk.u64(40)
        end = -(-len(disk.data) // size) * size
        disk.data += bytes(end - len(disk.data))
        for table in range(tables):
            disk.put(l1 + 8 * table, big(end + table * size | 1 << 63))
            disk.data += big(1 << 62 | end + tables * size) * (size // 8)
        disk.data += bytes(4096)
        yield "qcow2", "bomb", bytes(disk.data), []


def cases(folder):
    """(format, class, bytes, words of --format). Every one is to be refused."""
    dice = random.Random(11)
    raw = f"{folder}/base.raw"
    with open(raw, "wb") as file:
        file.write(dice.randbytes(700_000).ljust(5 << 20, b"\0") + dice.randbytes(200_000).ljust(3 << 20, b"\0"))

    def made(name, *options):
        path = f"{folder}/{name}"
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", name.rsplit(".", 1)[1], *options, raw, path], check=True)
        with open(path, "rb") as file:
            return file.read()

    q, s = made("q.qcow2"), made("s.vmdk", "-o", "subformat=streamOptimized")
    m = made("m.vmdk", "-o", "subformat=monolithicSparse")
    for spoil, times in ((qcow2_backing, 25), (qcow2_data_file, 15), (qcow2_luks, 15), (qcow2_snapshots, 15), (qcow2_l1, 25),
                         (qcow2_refcounts, 35), (qcow2_l2, 25), (qcow2_cluster, 35), (qcow2_compressed, 12),
                         (qcow2_features, 15), (qcow2_numbers, 30), (qcow2_cut, 25)):
        for _ in range(times):
            yield "qcow2", spoil.__name__[6:], spoil(Qcow2(q), dice), []
    for spoil, times in ((vmdk_numbers, 30), (vmdk_directory, 15), (vmdk_table, 10), (vmdk_grain, 20), (vmdk_extent, 25),
                         (vmdk_parent, 20), (vmdk_kind, 8), (vmdk_cut, 20)):
        for i in range(times):
            yield "vmdk", spoil.__name__[5:], spoil(Vmdk(s if i % 2 or spoil is vmdk_cut else m), dice), []
    for spoil, times in ((vmdk_marker, 12), (vmdk_inflates, 8), (vmdk_text, 12)):
        for _ in range(times):
            yield "vmdk", spoil.__name__[5:], spoil(Vmdk(s), dice), []
    for spoil, times in ((ova_names, 18), (ova_kinds, 20), (ova_numbers, 15), (ova_members, 14), (ova_manifest, 16),
                         (ova_signature, 14), (ova_xml, 24), (ova_words, 34)):
        for _ in range(times):
            yield "ova", spoil.__name__[4:], spoil(s, dice), []
    for spoil in (qcow2_backing, qcow2_data_file, qcow2_luks, vmdk_extent, vmdk_parent, vmdk_cut):
        disk = spoil((Qcow2 if spoil.__name__[0] == "q" else Vmdk)(q if spoil.__name__[0] == "q" else s), dice)
        yield "ova", "hostile disk", tar([(b"a.ovf", ovf()), (b"d.vmdk", disk)]), []
    for i in range(20):
        data = foreign(None, dice)
        yield "raw", "another format", data.ljust(-len(data) // 512 * -512, b"\0"), ["--format", "raw"] if i % 2 else []
    for _ in range(8):
        yield "raw", "no disk", nothing(None, dice), []
    yield from bombs(folder)


def mutations(folder, count):
    """Damage by chance, in headers and tables: refused or taken, never worse."""
    dice = random.Random(12)
    for _ in range(count):
        name = dice.choice(("q.qcow2", "s.vmdk", "m.vmdk"))
        with open(f"{folder}/{name}", "rb") as file:
            data = bytearray(file.read())
        for _ in range(dice.randrange(1, 9)):
            data[dice.randrange(dice.choice((128, 2048, 1 << 17, len(data))))] = dice.randrange(256)
        yield name.rsplit(".", 1)[1], "random bytes", bytes(data), []
