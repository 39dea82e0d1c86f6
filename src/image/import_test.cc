// Imports: the plan, what the helpers say, OVF, manifests and signatures.
#include <gtest/gtest.h>

#include "base/file.h"
#include "image/import_plan.h"
#include "image/ova.h"
#include "image/ova_manifest.h"
#include "image/ovf.h"
#include "image/xml_tree.h"

namespace bridle::image {
namespace {

constexpr int exited_1 = 1 << 8, killed = 9;

ImportPlan plan() {
  const auto layout = Layout::of("/var/lib/bridle");
  return ImportPlan(*layout, "web", "lab", "ann", {"vmdk", 1000, std::string(64, 'a'), 0});
}

template <typename T>
const T* only(const ImportActions& actions) {
  const T* found = nullptr;
  for (const auto& action : actions)
    if (const auto* one = std::get_if<T>(&action)) found = one;
  return found;
}

TEST(ImportPlan, GoesThroughItsHelpers) {
  ImportPlan p = plan();
  EXPECT_NE(only<AwaitUpload>(p.start()), nullptr);
  const auto receive = p.upload_opened();
  ASSERT_NE(only<RunImportHelper>(receive), nullptr);
  EXPECT_EQ(only<RunImportHelper>(receive)->kind, jail::HelperKind::convert);
  EXPECT_EQ(only<ShowImport>(p.helper_line("progress 50 half"))->percent, 25);
  const auto convert = p.helper_exited(0);
  ASSERT_NE(only<RunImportHelper>(convert), nullptr);
  EXPECT_EQ(only<RunImportHelper>(convert)->argv.front(), "convert");
  EXPECT_EQ(only<RunImportHelper>(convert)->argv[8], "ann");
  p.helper_line("result " + encode(ConvertResult{"vmdk", {"a note"}, 1, ""}));
  const auto adopt = p.helper_exited(0);
  ASSERT_NE(only<RunImportHelper>(adopt), nullptr);
  EXPECT_EQ(only<RunImportHelper>(adopt)->kind, jail::HelperKind::store);
  p.helper_line("result " + encode(AdoptResult{{std::string(64, 'b'), 77}, 4096}));
  const auto end = p.helper_exited(0);
  const auto* done = only<EndImport>(end);
  ASSERT_NE(done, nullptr);
  EXPECT_FALSE(done->error);
  EXPECT_EQ(done->status.disk.size, 77u);
  EXPECT_EQ(done->status.disk_format, "qcow2");
  EXPECT_EQ(done->status.source_format, "vmdk");
  EXPECT_EQ(done->status.notes, std::vector<std::string>{"a note"});
}

TEST(ImportPlan, WaitsAgainAfterABreak) {
  ImportPlan p = plan();
  p.start();
  p.upload_opened();
  p.helper_line("error unreachable the upload was interrupted");
  const auto again = p.helper_exited(exited_1);
  EXPECT_NE(only<AwaitUpload>(again), nullptr);
  EXPECT_TRUE(p.is_waiting());
  EXPECT_NE(only<RunImportHelper>(p.upload_opened()), nullptr);
}

TEST(ImportPlan, ReportsWhatFailed) {
  ImportPlan p = plan();
  p.start();
  p.upload_opened();
  p.helper_exited(0);
  p.helper_line("error refused qcow2: byte 8: it names a backing file");
  const auto end = p.helper_exited(exited_1);
  ASSERT_NE(only<EndImport>(end), nullptr);
  EXPECT_EQ(only<EndImport>(end)->error->code(), Code::refused);

  ImportPlan crashed = plan();
  crashed.start();
  crashed.upload_opened();
  crashed.helper_exited(0);
  const auto after = crashed.helper_exited(killed);
  EXPECT_NE(only<EndImport>(after)->error->message().find("signal 9"), std::string::npos);
}

TEST(ImportPlan, TakesNoLies) {
  for (const std::string lie :
       {"", "result", "result {}", "result []", "result {\"format\":1}",
        "result {\"format\":\"raw\",\"notes\":[\"\\u0001\"],\"disks\":1,\"machine\":\"\"}"}) {
    ImportPlan p = plan();
    p.start();
    p.upload_opened();
    p.helper_exited(0);
    p.helper_line(lie);
    const auto end = p.helper_exited(0);
    ASSERT_NE(only<EndImport>(end), nullptr) << lie;
    EXPECT_TRUE(only<EndImport>(end)->error) << lie;
  }
}

TEST(ImportPlan, IsCancelledAndGivenUp) {
  ImportPlan p = plan();
  p.start();
  EXPECT_TRUE(only<EndImport>(p.cancel())->error);
  ImportPlan late = plan();
  late.start();
  EXPECT_EQ(only<EndImport>(late.waited_too_long())->error->code(), Code::exhausted);
  ImportPlan running = plan();
  running.start();
  running.upload_opened();
  EXPECT_TRUE(running.cancel().empty());
  EXPECT_EQ(only<EndImport>(running.helper_exited(killed))->error->code(), Code::gone);
}

TEST(Xml, RefusesWhatExpands) {
  EXPECT_FALSE(parse_xml("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>").ok());
  EXPECT_FALSE(parse_xml("<!DOCTYPE a SYSTEM \"file:///etc/shadow\"><a/>").ok());
  EXPECT_FALSE(parse_xml("<a>&undefined;</a>").ok());
  EXPECT_FALSE(parse_xml("<a><b></a>").ok());
  EXPECT_FALSE(parse_xml("").ok());
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_FALSE(parse_xml(deep).ok());
  std::string many = "<a>";
  for (int i = 0; i < 30000; ++i) many += "<b/>";
  EXPECT_FALSE(parse_xml(many + "</a>").ok());
  const auto good = parse_xml("<x:a y:b='1'> text <c/>more</x:a>");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->name, "a");
  EXPECT_EQ(good->attribute("b"), "1");
}

TEST(Ovf, BecomesAMachine) {
  const auto text = read_file(std::string(BRIDLE_SOURCE_DIR) + "/fuzz/corpus/ovf/one");
  ASSERT_TRUE(text.ok());
  auto hardware = parse_ovf(*text);
  ASSERT_TRUE(hardware.ok()) << hardware.error().message();
  EXPECT_EQ(hardware->cpus, 2u);
  EXPECT_EQ(hardware->memory, uint64_t{512} << 20);
  EXPECT_EQ(hardware->firmware, "uefi");
  ASSERT_EQ(hardware->disks.size(), 1u);
  EXPECT_EQ(hardware->disks[0].file, "shop-disk1.vmdk");
  EXPECT_EQ(hardware->disks[0].capacity, uint64_t{1} << 30);
  EXPECT_EQ(hardware->disks[0].bus, "scsi");
  ASSERT_EQ(hardware->interfaces.size(), 1u);
  EXPECT_EQ(hardware->interfaces[0].model, "e1000");
  EXPECT_EQ(hardware->interfaces[0].mac, "00:50:56:aa:bb:cc");
  const auto yaml = machine_yaml(*hardware, {"shop", "lab", "ann", "", {"shop"}});
  ASSERT_TRUE(yaml.ok()) << yaml.error().message();
  for (const char* line : {"kind: Volume", "owner: ann", "boot: disk", "firmware: uefi",
                           "model: sata", "model: e1000"})
    EXPECT_NE(yaml->find(line), std::string::npos) << line << "\n" << *yaml;
  EXPECT_EQ(yaml->find("image: shop\n  "), std::string::npos);
  EXPECT_NE(yaml->find("memory: 512MiB"), std::string::npos) << *yaml;
  EXPECT_NE(yaml->find("volume: shop-disk0"), std::string::npos) << *yaml;
  // The CD drive is told.
  bool told = false;
  for (const std::string& note : hardware->notes) told |= note.find("CD 1") != std::string::npos;
  EXPECT_TRUE(told);
}

TEST(Ovf, ReadsWhatItWrites) {
  Hardware out;
  out.name = "web <1>";
  out.cpus = 4;
  out.memory = uint64_t{3} << 30;
  out.disks.push_back({"root", "web-root.vmdk", "vmdk", "virtio", uint64_t{5} << 30, false});
  out.interfaces.push_back({"net0", "52:54:00:00:00:01", "virtio", "default"});
  const auto in = parse_ovf(write_ovf(out, {{"web-root.vmdk", 100}}));
  ASSERT_TRUE(in.ok()) << in.error().message();
  EXPECT_EQ(in->name, out.name);
  EXPECT_EQ(in->cpus, 4u);
  EXPECT_EQ(in->memory, out.memory);
  EXPECT_EQ(in->disks[0].capacity, out.disks[0].capacity);
  EXPECT_EQ(in->disks[0].bus, "virtio");
  EXPECT_EQ(in->interfaces[0].mac, "52:54:00:00:00:01");
  EXPECT_TRUE(in->notes.empty()) << in->notes[0];
}

TEST(Ovf, RefusesOtherFiles) {
  const auto with = [](const std::string& file, const std::string& resource) {
    return "<Envelope><References><File id='f' href='" + file +
           "'/></References><DiskSection><Disk diskId='d' fileRef='f' capacity='512'/>"
           "</DiskSection><VirtualSystem id='v'><VirtualHardwareSection><Item><ResourceType>17"
           "</ResourceType><HostResource>" +
           resource + "</HostResource></Item></VirtualHardwareSection></VirtualSystem></Envelope>";
  };
  EXPECT_TRUE(parse_ovf(with("a.vmdk", "ovf:/disk/d")).ok());
  EXPECT_FALSE(parse_ovf(with("../a.vmdk", "ovf:/disk/d")).ok());
  EXPECT_FALSE(parse_ovf(with("http://host/a.vmdk", "ovf:/disk/d")).ok());
  EXPECT_FALSE(parse_ovf(with("a.vmdk", "ovf:/disk/other")).ok());
  EXPECT_FALSE(parse_ovf(with("a.vmdk", "/etc/shadow")).ok());
}

TEST(Signature, IsOfExactlyThisManifest) {
  const auto identity = make_signing_identity("host1");
  ASSERT_TRUE(identity.ok());
  const std::string manifest = "SHA256(web.ovf)= " + std::string(64, '0') + "\n";
  const auto cert = sign_manifest(*identity, manifest, "web.mf");
  ASSERT_TRUE(cert.ok());
  EXPECT_EQ(cert->find("PRIVATE"), std::string::npos);
  const auto signer = check_signature(*cert, manifest, "web.mf");
  ASSERT_TRUE(signer.ok()) << signer.error().message();
  EXPECT_EQ(signer->name, "host1");
  EXPECT_EQ(signer->fingerprint, signer_of(*identity)->fingerprint);
  EXPECT_FALSE(check_signature(*cert, manifest + " ", "web.mf").ok());
  EXPECT_FALSE(check_signature(*cert, manifest, "other.mf").ok());
  std::string forged = *cert;
  forged[20] = forged[20] == '0' ? '1' : '0';
  EXPECT_FALSE(check_signature(forged, manifest, "web.mf").ok());
  EXPECT_FALSE(check_signature("SHA256(web.mf)= 00\n", manifest, "web.mf").ok());
}

TEST(Manifest, OfAnOva) {
  EXPECT_TRUE(parse_ova_manifest("SHA256(a)= " + std::string(64, 'A') + "\r\n").ok());
  EXPECT_FALSE(parse_ova_manifest("SHA256(a)= 00\n").ok());
  EXPECT_FALSE(parse_ova_manifest("MD5(a)= " + std::string(32, '0') + "\n").ok());
  const std::string line = "SHA1(a)= " + std::string(40, '0') + "\n";
  EXPECT_TRUE(parse_ova_manifest(line).ok());
  EXPECT_FALSE(parse_ova_manifest(line + line).ok());
}

TEST(Names, OfObjects) {
  EXPECT_EQ(object_name("Shop 1 (copy)", "x"), "shop-1-copy");
  EXPECT_EQ(object_name("../../etc", "x"), "etc");
  EXPECT_EQ(object_name("42", "disk0"), "disk0");
  EXPECT_EQ(object_name("", "disk0"), "disk0");
}

}  // namespace
}  // namespace bridle::image
