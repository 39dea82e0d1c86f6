// What goes out: libvirt XML and back, OVAs, volumes; and what comes in as libvirt XML.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstdlib>
#include <thread>

#include "base/child.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/export.h"
#include "image/libvirt_xml.h"
#include "image/ova.h"
#include "image/ova_manifest.h"
#include "image/ova_write.h"
#include "image/ovf.h"

namespace bridle::image {
namespace {

std::string corpus(const std::string& name) {
  auto bytes = read_file(std::string(BRIDLE_SOURCE_DIR) + "/fuzz/corpus/" + name);
  EXPECT_TRUE(bytes.ok()) << name;
  return bytes.ok() ? *bytes : "";
}

bool told(const Hardware& hardware, std::string_view words) {
  for (const std::string& note : hardware.notes)
    if (note.find(words) != std::string::npos) return true;
  return false;
}

class AppliancesTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bt-appliance-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { EXPECT_TRUE(remove_tree(folder_).ok()); }

  Fd open(const std::string& name, int flags) {
    auto fd = open_file(folder_ + "/" + name, flags, 0600);
    EXPECT_TRUE(fd.ok()) << name;
    return fd.ok() ? std::move(*fd) : Fd();
  }
  void qemu_img(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/qemu-img");
    ChildSpec spec;
    spec.argv = std::move(words);
    const auto ran = run_child(spec);
    ASSERT_TRUE(ran.ok()) << ran.error().message();
  }
  std::string text(const std::string& name) {
    auto bytes = read_file(folder_ + "/" + name, 64 << 20);
    return bytes.ok() ? *bytes : "";
  }

  std::string folder_;
};

// ---- libvirt

TEST(Libvirt, BecomesAMachineAndTellsWhatIsLost) {
  auto hardware = parse_libvirt(corpus("libvirt/web"));
  ASSERT_TRUE(hardware.ok()) << hardware.error().message();
  EXPECT_EQ(hardware->cpus, 4u);
  EXPECT_EQ(hardware->memory, uint64_t{2} << 30);
  EXPECT_EQ(hardware->firmware, "uefi");
  EXPECT_TRUE(hardware->secure_boot);
  ASSERT_EQ(hardware->disks.size(), 2u);
  EXPECT_EQ(hardware->disks[0].file, "/var/lib/libvirt/images/web.qcow2");
  EXPECT_EQ(hardware->disks[1].bus, "sata");
  EXPECT_TRUE(hardware->disks[1].read_only);
  for (const char* lost :
       {"line 12: <boot>: dev=\"network\"", "<hyperv>", "<cpu>", "<clock>", "<on_crash>",
        "discard=\"unmap\"", "device=\"cdrom\"", "neither a file nor a device", "<controller>",
        "rtl8139 becomes e1000", "<graphics>", "<nvram>"})
    EXPECT_TRUE(told(*hardware, lost)) << lost;
  const auto yaml = machine_yaml(*hardware, {"web", "lab", "ann", "", {"web-vda", "web-sda"}});
  ASSERT_TRUE(yaml.ok()) << yaml.error().message();
  for (const char* line : {"image: web-vda", "firmware: uefi-secure", "model: sata", "model: e1000",
                           "network: lab-net", "readOnly: true", "memory: 2GiB"})
    EXPECT_NE(yaml->find(line), std::string::npos) << line << "\n" << *yaml;
  EXPECT_TRUE(told(*hardware, "Lab Net"));
}

TEST(Libvirt, ReadsWhatItWrites) {
  Hardware out;
  out.name = "web <&> \"1\"";
  out.cpus = 3;
  out.memory = uint64_t{768} << 20;
  out.firmware = "uefi";
  out.secure_boot = true;
  out.disks.push_back({"vda", "/x/a.qcow2", "qcow2", "virtio", 0, false});
  out.disks.push_back({"sdb", "/x/b.raw", "raw", "scsi", 0, true});
  out.interfaces.push_back({"net0", "52:54:00:00:00:01", "e1000", "lab"});
  const auto in = parse_libvirt(write_libvirt(out, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"));
  ASSERT_TRUE(in.ok()) << in.error().message();
  EXPECT_TRUE(in->notes.empty()) << in->notes[0];
  EXPECT_EQ(in->name, out.name);
  EXPECT_EQ(in->cpus, out.cpus);
  EXPECT_EQ(in->memory, out.memory);
  EXPECT_EQ(in->firmware, "uefi");
  EXPECT_TRUE(in->secure_boot);
  ASSERT_EQ(in->disks.size(), 2u);
  EXPECT_EQ(in->disks[1].bus, "scsi");
  EXPECT_EQ(in->disks[1].format, "raw");
  EXPECT_TRUE(in->disks[1].read_only);
  EXPECT_EQ(in->interfaces[0].mac, "52:54:00:00:00:01");
  EXPECT_EQ(in->interfaces[0].model, "e1000");
}

TEST(Libvirt, RefusesWhatItCannotBe) {
  for (const auto& [name, word] : {std::pair{"libvirt/entity", "DOCTYPE"},
                                   {"libvirt/unit", "parsec"},
                                   {"libvirt/arm", "aarch64"},
                                   {"libvirt/cpus", "1 to 128"}}) {
    const auto hardware = parse_libvirt(corpus(name));
    ASSERT_FALSE(hardware.ok()) << name;
    EXPECT_NE(hardware.error().message().find(word), std::string::npos)
        << hardware.error().message();
    EXPECT_NE(hardware.error().message().find("line"), std::string::npos);
  }
  auto kernel = parse_libvirt(corpus("libvirt/kernel"));
  ASSERT_TRUE(kernel.ok());
  Hardware again = *kernel;
  EXPECT_FALSE(machine_yaml(*kernel, {"small", "lab", "ann", "", {}}).ok());  // boots from what?
  const auto yaml = machine_yaml(again, {"small", "lab", "ann", "tiny", {}});
  ASSERT_TRUE(yaml.ok()) << yaml.error().message();
  EXPECT_NE(yaml->find("kernelArguments: console=ttyS0"), std::string::npos) << *yaml;
}

// ---- OVA

TEST_F(AppliancesTest, AnOvaIsReadAsItWasWritten) {
  const auto identity = make_signing_identity("host 1");
  ASSERT_TRUE(identity.ok());
  const std::string disk = corpus("disk/streamOptimized.vmdk");
  Hardware out;
  out.name = "shop";
  out.firmware = "uefi";
  out.disks.push_back({"root", "shop-root.vmdk", "", "sata", 98304, false});
  out.disks.push_back({"data", "shop-data.vmdk", "", "", 98304, false});
  out.interfaces.push_back({"net0", "", "virtio", "lab"});
  std::vector<OvfFile> files{{"shop-root.vmdk", ~uint64_t{0}}, {"shop-data.vmdk", ~uint64_t{0}}};
  const size_t room = write_ovf(out, files).size();

  Fd fd = open("shop.ova", O_RDWR | O_CREAT);
  OvaWriter ova(fd.get());
  ASSERT_TRUE(ova.reserve("shop.ovf", room).ok());
  for (OvfFile& file : files) {
    ASSERT_TRUE(ova.append(file.name, disk).ok());
    file.size = ova.size_of(file.name);
    EXPECT_EQ(file.size, disk.size());
  }
  std::string text = write_ovf(out, files);
  text.append(room - text.size(), '\n');
  ASSERT_TRUE(ova.fill("shop.ovf", text).ok());
  EXPECT_FALSE(ova.fill("shop.ovf", text + " ").ok());
  const std::string manifest = ova.manifest();
  const auto cert = sign_manifest(*identity, manifest, "shop.mf");
  ASSERT_TRUE(cert.ok());
  ASSERT_TRUE(ova.append("shop.mf", manifest).ok());
  ASSERT_TRUE(ova.append("shop.cert", *cert).ok());
  ASSERT_TRUE(ova.finish().ok());

  const std::string bytes = this->text("shop.ova");
  const auto in = open_ova(MemorySource(bytes));
  ASSERT_TRUE(in.ok()) << in.error().message();
  EXPECT_TRUE(
      told(in->hardware, "signed by \"host 1\", certificate " + signer_of(*identity)->fingerprint));
  ASSERT_EQ(in->disks.size(), 2u);
  EXPECT_EQ(in->disks[0].hardware.bus, "sata");
  EXPECT_EQ(in->disks[1].hardware.bus, "virtio");
  EXPECT_EQ(bytes.substr(in->disks[1].extent.offset, in->disks[1].extent.size), disk);
  EXPECT_EQ(in->hardware.firmware, "uefi");
  EXPECT_EQ(in->hardware.interfaces[0].network, "lab");
  const auto signer = read_signer(MemorySource(bytes));
  ASSERT_TRUE(signer.ok()) << signer.error().message();
  EXPECT_EQ(signer->fingerprint, signer_of(*identity)->fingerprint);
  EXPECT_FALSE(read_signer(MemorySource(corpus("tar/shop.ova").substr(0, 600))).ok());
  // As other programs see it: a tar, and a signature that openssl checks.
  ChildSpec list;
  list.argv = {"/usr/bin/tar", "-tf", folder_ + "/shop.ova"};
  const auto listed = run_child(list);
  ASSERT_TRUE(listed.ok()) << listed.error().message();
  EXPECT_EQ(listed->out, "shop.ovf\nshop-root.vmdk\nshop-data.vmdk\nshop.mf\nshop.cert\n");
  // One bit anywhere of what is signed, and it is not taken.
  for (const uint64_t at : {in->disks[0].extent.offset + 99, uint64_t{600}}) {
    std::string changed = bytes;
    changed[at] ^= 1;
    EXPECT_FALSE(open_ova(MemorySource(changed)).ok()) << at;
  }
}

TEST_F(AppliancesTest, TheExpectedSignerIsTold) {
  const auto mine = make_signing_identity("me"), other = make_signing_identity("other");
  ASSERT_TRUE(mine.ok() && other.ok());
  const std::string manifest = "SHA256(a)= " + std::string(64, '0') + "\n";
  const auto cert = sign_manifest(*mine, manifest, "a.mf");
  ASSERT_TRUE(cert.ok());
  EXPECT_EQ(check_signature(*cert, manifest, "a.mf")->fingerprint, signer_of(*mine)->fingerprint);
  EXPECT_NE(signer_of(*mine)->fingerprint, signer_of(*other)->fingerprint);
  EXPECT_FALSE(sign_manifest(*cert, manifest, "a.mf").ok());  // no key in it
}

// ---- volumes

class ExportTest : public AppliancesTest {
 protected:
  // What the other end of the connection got.
  std::string exported(const ExportFiles& given, const ExportOptions& options, Status& status) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    Fd theirs(ends[1]);
    std::string got;
    std::thread reader([&, fd = ends[0]] {
      const Fd mine(fd);
      auto all = read_all(mine.get(), 64 << 20);
      if (all.ok()) got = *all;
    });
    const pid_t pid = ::fork();  // the limits that it sets are its own
    if (pid == 0) {
      ExportFiles files = given;
      for (const int fd : {files.volume, files.output, files.backing})
        if (fd >= 0) ::fcntl(fd, F_SETFD, 0);  // qemu-img's, too
      files.connection = theirs.get();
      const Status done = export_disk(files, options, [](int, const std::string&) {});
      ::_exit(done.ok() ? 0 : 1);
    }
    theirs.reset();
    int exit = 0;
    EXPECT_EQ(::waitpid(pid, &exit, 0), pid);
    reader.join();
    if (exit != 0) status = Error(Code::corrupt, got);
    return got;
  }
  static std::string content(const std::string& got) {
    const size_t line = got.find('\n');
    const size_t size = std::strtoull(got.c_str() + 18, nullptr, 10);
    const std::string bytes = got.substr(line + 1, size);
    EXPECT_EQ(got.substr(line + 1 + size), "done " + hex(sha256(bytes)) + "\n");
    return bytes;
  }
};

TEST_F(ExportTest, AVolumeWithWhatLiesBelowIt) {
  std::string below(1 << 20, '\0'), above;
  for (size_t i = 0; i < below.size(); i += 3) below[i] = static_cast<char>(i * 7);
  ASSERT_TRUE(write_file_durably(folder_ + "/below.raw", below).ok());
  qemu_img({"create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow",
            folder_ + "/volume.qcow2", "2M"});
  const Fd volume = open("volume.qcow2", O_RDONLY), base = open("below.raw", O_RDONLY);
  for (const DiskFormat to : {DiskFormat::raw, DiskFormat::qcow2, DiskFormat::vmdk}) {
    const std::string name = "out." + std::string(format_name(to));
    Fd output = open(name, O_RDWR | O_CREAT);
    ExportOptions options;
    options.to = to;
    options.backing = DiskFormat::raw;
    Status status;
    const std::string got = exported({-1, volume.get(), output.get(), base.get()}, options, status);
    ASSERT_TRUE(status.ok()) << status.error().message();
    ASSERT_TRUE(
        write_file_durably(folder_ + "/got." + std::string(format_name(to)), content(got)).ok());
    qemu_img({"convert", "-f", std::string(format_name(to)), "-O", "raw",
              folder_ + "/got." + std::string(format_name(to)), folder_ + "/back.raw"});
    const std::string back = text("back.raw");
    ASSERT_EQ(back.size(), size_t{2} << 20);
    EXPECT_EQ(back.substr(0, below.size()), below) << name;
    // What was sent names no other file.
    const std::string bytes = content(got);
    if (to != DiskFormat::raw) {
      EXPECT_TRUE(check_disk(MemorySource(bytes), to, {}).ok());
    }
  }
}

TEST_F(ExportTest, AVolumeThatAGuestTurnedHostile) {
  qemu_img({"create", "-q", "-f", "qcow2", folder_ + "/volume.qcow2", "2M"});
  std::string bytes = text("volume.qcow2");
  bytes[79] = 4;  // its data is elsewhere
  ASSERT_TRUE(write_file_durably(folder_ + "/volume.qcow2", bytes).ok());
  const Fd volume = open("volume.qcow2", O_RDONLY), output = open("out", O_RDWR | O_CREAT);
  Status status;
  const std::string got = exported({-1, volume.get(), output.get(), -1}, {}, status);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(got.find("error refused "), 0u) << got;
  EXPECT_NE(got.find("external data file"), std::string::npos) << got;
}

}  // namespace
}  // namespace bridle::image
