// Hostile images: valid files that qemu-img made (fuzz/corpus/disk, fuzz/corpus/tar), each spoiled
// in ways that are known to do harm, from fixed seeds. Every one must be refused, with an error
// that says where and what to do; nothing may crash (the suite runs under sanitizers).
#include <gtest/gtest.h>

#include <random>
#include <span>

#include "base/file.h"
#include "image/disk_check.h"
#include "image/ova.h"
#include "image/tar_index.h"

namespace bridle::image {
namespace {

using Dice = std::mt19937_64;

std::string corpus(const std::string& name) {
  auto bytes = read_file(std::string(BRIDLE_SOURCE_DIR) + "/fuzz/corpus/" + name);
  EXPECT_TRUE(bytes.ok()) << name;
  return bytes.ok() ? *bytes : "";
}

void put_big(std::string& bytes, size_t at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i)
    bytes.at(at + i) = static_cast<char>(value >> (8 * (width - 1 - i)));
}
void put_little(std::string& bytes, size_t at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) bytes.at(at + i) = static_cast<char>(value >> (8 * i));
}

struct Spoiler {
  const char* what;
  void (*spoil)(std::string& bytes, Dice& dice);
};

uint64_t any(Dice& dice, uint64_t least, uint64_t most) {
  return least + dice() % (most - least + 1);
}

// Where the first L2 table and its first used entry are.
size_t l1_of(const std::string& b) { return big64(b, 40); }
size_t l2_of(const std::string& b) { return big64(b, l1_of(b)) & 0x00fffffffffffe00; }
size_t used_entry(const std::string& b) {
  size_t at = l2_of(b);
  while (big64(b, at) == 0) at += 8;
  return at;
}

const Spoiler qcow2_spoilers[] = {
    {"backing name",
     [](std::string& b, Dice& d) {
       put_big(b, 8, any(d, 112, 300), 8);
       put_big(b, 16, any(d, 1, 1023), 4);
     }},
    {"backing far away", [](std::string& b, Dice& d) { put_big(b, 8, d() | 1, 8); }},
    {"encryption", [](std::string& b, Dice& d) { put_big(b, 32, any(d, 1, 3), 4); }},
    {"version", [](std::string& b, Dice& d) { put_big(b, 4, any(d, 4, 1000), 4); }},
    {"cluster bits",
     [](std::string& b, Dice& d) { put_big(b, 20, d() % 2 != 0 ? any(d, 22, 400) : d() % 9, 4); }},
    {"huge disk",
     [](std::string& b, Dice& d) { put_big(b, 24, (d() | (uint64_t{1} << 62)) & ~511ULL, 8); }},
    {"no disk", [](std::string& b, Dice&) { put_big(b, 24, 0, 8); }},
    {"larger than its L1", [](std::string& b, Dice& d) { put_big(b, 24, any(d, 1, 60) << 33, 8); }},
    {"huge L1", [](std::string& b, Dice& d) { put_big(b, 36, any(d, 5 << 20, ~0U), 4); }},
    {"L1 outside",
     [](std::string& b, Dice& d) {
       put_big(b, 40, ((b.size() + d() % (1ULL << 50)) & ~511ULL) | (1ULL << 51), 8);
     }},
    {"L1 not aligned",
     [](std::string& b, Dice& d) { put_big(b, 40, l1_of(b) + any(d, 1, 511), 8); }},
    {"L1 over the header", [](std::string& b, Dice&) { put_big(b, 40, 0, 8); }},
    {"L1 over the refcounts", [](std::string& b, Dice&) { put_big(b, 40, big64(b, 48), 8); }},
    {"huge refcount table",
     [](std::string& b, Dice& d) { put_big(b, 56, any(d, 1 << 20, ~0U), 4); }},
    {"no refcount table", [](std::string& b, Dice&) { put_big(b, 56, 0, 4); }},
    {"refcounts outside",
     [](std::string& b, Dice& d) { put_big(b, 48, (d() | (1ULL << 60)) & ~511ULL, 8); }},
    {"refcount block over a table",
     [](std::string& b, Dice&) { put_big(b, big64(b, 48), l2_of(b), 8); }},
    {"L2 outside",
     [](std::string& b, Dice& d) {
       put_big(b, l1_of(b), (d() | (1ULL << 54)) & 0x00fffffffffffe00, 8);
     }},
    {"L2 over the L1", [](std::string& b, Dice&) { put_big(b, l1_of(b), l1_of(b), 8); }},
    {"L2 twice", [](std::string& b, Dice&) { put_big(b, l1_of(b) + 8, l2_of(b), 8); }},
    {"L1 with reserved bits",
     [](std::string& b, Dice& d) { b.at(l1_of(b)) = static_cast<char>(any(d, 1, 127)); }},
    {"cluster outside",
     [](std::string& b, Dice& d) {
       put_big(b, used_entry(b), (d() | (1ULL << 55)) & 0x00fffffffffffe00, 8);
     }},
    {"cluster is a table", [](std::string& b, Dice&) { put_big(b, used_entry(b), l2_of(b), 8); }},
    {"compressed outside",
     [](std::string& b, Dice& d) {
       put_big(b, used_entry(b), (1ULL << 62) | (d() % (1ULL << 40) + b.size() + 512), 8);
     }},
    {"cut short", [](std::string& b, Dice& d) { b.resize(any(d, 1, l2_of(b) + 511)); }},
    {"cut in the data", [](std::string& b, Dice& d) { b.resize(b.size() - any(d, 1025, 4096)); }},
    {"snapshots beyond count",
     [](std::string& b, Dice& d) { put_big(b, 60, any(d, 65537, ~0U), 4); }},
};

const Spoiler version3_spoilers[] = {
    {"data file", [](std::string& b, Dice& d) { put_big(b, 72, 4 | (d() % 2), 8); }},
    {"marked corrupt", [](std::string& b, Dice&) { put_big(b, 72, 2, 8); }},
    {"unknown feature",
     [](std::string& b, Dice& d) { put_big(b, 72, uint64_t{32} << any(d, 0, 50), 8); }},
    {"wide refcounts", [](std::string& b, Dice& d) { put_big(b, 96, any(d, 7, ~0U), 4); }},
    {"header length",
     [](std::string& b, Dice& d) {
       put_big(b, 100, d() % 2 != 0 ? any(d, 513, ~0U) : d() % 104, 4);
     }},
    {"extension leaves the header",
     [](std::string& b, Dice& d) {
       put_big(b, big32(b, 100), uint64_t{0x6803f857} << 32 | any(d, 4096, ~0U), 8);
     }},
    {"data file extension",
     [](std::string& b, Dice&) { put_big(b, big32(b, 100), 0x4441544100000005, 8); }},
    {"LUKS extension",
     [](std::string& b, Dice&) { put_big(b, big32(b, 100), 0x0537be7700000010, 8); }},
};

size_t gd_of(const std::string& b) {
  const uint64_t here = little64(b, 56);
  return 512 * (here == ~0ULL ? little64(b, b.size() - 1024 + 56) : here);
}
size_t header_that_counts(const std::string& b) {
  return little64(b, 56) == ~0ULL ? b.size() - 1024 : 0;
}
size_t gt_of(const std::string& b) { return 512 * size_t{little32(b, gd_of(b))}; }
size_t used_grain(const std::string& b) {
  size_t at = gt_of(b);
  while (little32(b, at) <= 1) at += 4;
  return at;
}
void replace_in(std::string& b, const std::string& what, const std::string& by) {
  const size_t at = b.find(what);
  ASSERT_NE(at, std::string::npos);
  b.replace(at, by.size(), by);
}

const Spoiler vmdk_spoilers[] = {
    {"version", [](std::string& b, Dice& d) { put_little(b, 4, any(d, 4, ~0U), 4); }},
    {"no capacity", [](std::string& b, Dice&) { put_little(b, 12, 0, 8); }},
    {"huge capacity", [](std::string& b, Dice& d) { put_little(b, 12, d() | (1ULL << 50), 8); }},
    {"other capacity", [](std::string& b, Dice& d) { put_little(b, 12, any(d, 193, 1 << 20), 8); }},
    {"grain size",
     [](std::string& b, Dice& d) { put_little(b, 20, d() % 2 != 0 ? d() | (1ULL << 40) : 3, 8); }},
    {"descriptor outside",
     [](std::string& b, Dice& d) { put_little(b, 28, any(d, 4096, ~0U), 8); }},
    {"no descriptor", [](std::string& b, Dice&) { put_little(b, 36, 0, 8); }},
    {"huge descriptor", [](std::string& b, Dice& d) { put_little(b, 36, any(d, 2049, ~0U), 8); }},
    {"table size", [](std::string& b, Dice& d) { put_little(b, 44, any(d, 513, ~0U), 4); }},
    {"directory outside",
     [](std::string& b, Dice& d) {
       put_little(b, header_that_counts(b) + 56, any(d, 1 << 20, ~0U), 8);
     }},
    {"directory over the descriptor",
     [](std::string& b, Dice&) { put_little(b, header_that_counts(b) + 56, 1, 8); }},
    {"table outside",
     [](std::string& b, Dice& d) { put_little(b, gd_of(b), any(d, 1 << 20, ~0U), 4); }},
    {"table over the directory",
     [](std::string& b, Dice&) { put_little(b, gd_of(b), gd_of(b) / 512, 4); }},
    {"grain outside",
     [](std::string& b, Dice& d) { put_little(b, used_grain(b), any(d, 1 << 20, ~0U), 4); }},
    {"grain is a table",
     [](std::string& b, Dice&) { put_little(b, used_grain(b), gt_of(b) / 512, 4); }},
    {"grain behind the end",
     [](std::string& b, Dice& d) {
       put_little(b, gt_of(b) + 4 * any(d, 2, 500), used_grain(b) / 512 + 1, 4);
     }},
    {"algorithm", [](std::string& b, Dice& d) { put_little(b, 77, any(d, 2, 65535), 2); }},
    {"cut short", [](std::string& b, Dice& d) { b.resize(any(d, 4, 4096)); }},
    {"cut in the data",
     [](std::string& b, Dice& d) {
       b.resize(512 * size_t{little32(b, used_grain(b))} + any(d, 0, 100));
     }},
    {"flat extent",
     [](std::string& b, Dice&) { replace_in(b, "RW 192 SPARSE \"", "RW 192 FLAT \"/e"); }},
    {"extent is a path",
     [](std::string& b, Dice&) { replace_in(b, "SPARSE \"stream", "SPARSE \"../../"); }},
    {"parent",
     [](std::string& b, Dice& d) {
       replace_in(b, "parentCID=ffffffff",
                  d() % 2 != 0 ? "parentCID=12345678" : "parentFileNameHint");
     }},
    {"two extents",
     [](std::string& b, Dice&) {
       replace_in(b, "ddb.virtualHWVersion", "RW 1 SPARSE \"b\"\n#   ");
     }},
};

// Seeds that did not lead to a refusal are named, so that they can be tried again.
void check_all(const std::string& base, DiskFormat format, std::span<const Spoiler> spoilers,
               unsigned seeds, unsigned& refused) {
  const std::string good = corpus(base);
  ASSERT_TRUE(check_disk(MemorySource(good), format, {}).ok())
      << base << ": " << check_disk(MemorySource(good), format, {}).error().message();
  for (const Spoiler& spoiler : spoilers)
    for (unsigned seed = 0; seed < seeds; ++seed) {
      std::string bytes = good;
      Dice dice(seed);
      spoiler.spoil(bytes, dice);
      const auto facts = check_disk(MemorySource(bytes), format, {});
      EXPECT_FALSE(facts.ok()) << base << ", " << spoiler.what << ", seed " << seed;
      if (facts.ok()) continue;
      ++refused;
      const std::string& said = facts.error().message();
      EXPECT_NE(said.find_first_of(";:"), std::string::npos) << said;
      EXPECT_GT(said.size(), 30u) << said;
    }
}

TEST(Hostile, Qcow2) {
  unsigned refused = 0;
  check_all("disk/v3.qcow2", DiskFormat::qcow2, qcow2_spoilers, 5, refused);
  check_all("disk/v2.qcow2", DiskFormat::qcow2, qcow2_spoilers, 5, refused);
  check_all("disk/v3.qcow2", DiskFormat::qcow2, version3_spoilers, 5, refused);
  EXPECT_GE(refused, 300u);
}

TEST(Hostile, Vmdk) {
  unsigned refused = 0;
  check_all("disk/streamOptimized.vmdk", DiskFormat::vmdk, vmdk_spoilers, 10, refused);
  EXPECT_GE(refused, 200u);
}

TEST(Hostile, TheSameOnEveryFormat) {
  for (const char* name : {"v3.qcow2", "v2.qcow2", "zlib.qcow2", "zstd.qcow2", "extended.qcow2",
                           "snapshot.qcow2", "monolithicSparse.vmdk", "streamOptimized.vmdk"}) {
    const std::string good = corpus(std::string("disk/") + name);
    const auto format = decide_format(MemorySource(good));
    ASSERT_TRUE(format.ok()) << name;
    const auto facts = check_disk(MemorySource(good), *format, {});
    ASSERT_TRUE(facts.ok()) << name << ": " << facts.error().message();
    EXPECT_EQ(facts->virtual_size, 98304u) << name;
    EXPECT_FALSE(check_disk(MemorySource(good), DiskFormat::raw, {}).ok()) << name;
    // Damage anywhere: refused or not, never a crash or an empty word.
    for (unsigned seed = 0; seed < 200; ++seed) {
      Dice dice(seed);
      std::string bytes = good;
      for (unsigned i = 0; i < 8; ++i)
        bytes[dice() % (i < 4 ? 512 : bytes.size())] = static_cast<char>(dice());
      const auto spoiled = check_disk(MemorySource(bytes), *format, {});
      if (!spoiled.ok()) {
        EXPECT_GT(spoiled.error().message().size(), 20u);
      }
    }
  }
}

TEST(Hostile, NamesAreInTheMessage) {
  const auto said = [](const char* name) {
    const std::string bytes = corpus(std::string("disk/") + name);
    const MemorySource file(bytes);
    const auto format = decide_format(file);
    const auto facts = check_disk(file, format.ok() ? *format : DiskFormat::raw, {});
    return facts.ok() ? std::string("ok") : facts.error().message();
  };
  EXPECT_NE(said("backing.qcow2").find("\"/etc/passwd\""), std::string::npos);
  EXPECT_NE(said("data-file.qcow2").find("external data file"), std::string::npos);
  EXPECT_NE(said("luks.qcow2").find("encrypted"), std::string::npos);
  EXPECT_NE(said("flat.vmdk").find("monolithicFlat"), std::string::npos);
  EXPECT_NE(said("backing.qcow2").find("qemu-img convert"), std::string::npos);
}

TEST(Hostile, LimitsOfSizeAndData) {
  const std::string good = corpus("disk/v3.qcow2");
  DiskLimits small;
  small.data = 4096;
  const auto much = check_disk(MemorySource(good), DiskFormat::qcow2, small);
  ASSERT_FALSE(much.ok());
  EXPECT_EQ(much.error().code(), Code::refused);
  small = {};
  small.virtual_size = 65536;
  EXPECT_FALSE(check_disk(MemorySource(good), DiskFormat::qcow2, small).ok());
}

// ---- archives

TEST(Hostile, Archives) {
  const std::string good = corpus("tar/shop.ova");
  ASSERT_TRUE(index_tar(MemorySource(good)).ok());
  const auto ova = open_ova(MemorySource(good));
  ASSERT_TRUE(ova.ok()) << ova.error().message();
  unsigned refused = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    Dice dice(seed);
    std::string bytes = good;
    // A header's byte breaks its checksum, a member's its digest.
    const size_t used = 512 + size_t{2048} + 512 + 512 + 512 + 2048;
    bytes[dice() % used] ^= static_cast<char>(1 << dice() % 8);
    if (bytes.size() == good.size() && !open_ova(MemorySource(bytes)).ok()) ++refused;
  }
  EXPECT_GE(refused, 75u);         // padding behind a member is nobody's
  const size_t end = 4096 + 2048;  // of the last member; behind it come zeroes only
  for (size_t cut = 0; cut <= end; cut += 512) {
    const std::string bytes = good.substr(0, cut);
    EXPECT_FALSE(open_ova(MemorySource(bytes)).ok()) << cut;
  }
  for (const auto& [name, word] : {std::pair{"link.tar", "symbolic link"},
                                   {"path.tar", "path"},
                                   {"pax.tar", "of a kind"},
                                   {"twice.tar", "twice"}}) {
    const std::string bytes = corpus(std::string("tar/") + name);
    const auto index = index_tar(MemorySource(bytes));
    ASSERT_FALSE(index.ok()) << name;
    EXPECT_NE(index.error().message().find(word), std::string::npos) << index.error().message();
  }
}

TEST(Hostile, ArchivesWithOtherMembers) {
  const std::string end(1024, '\0');
  const auto archive = [&](const std::vector<std::pair<std::string, std::string>>& members) {
    std::string out;
    for (const auto& [name, text] : members) {
      out += tar_header(name, text.size()) + text;
      out.resize((out.size() + 511) / 512 * 512);
    }
    return out + end;
  };
  const std::string ovf = corpus("ovf/one");
  EXPECT_TRUE(open_ova(MemorySource(archive({{"a.ovf", ovf}, {"shop-disk1.vmdk", "x"}}))).ok());
  for (const auto& members : std::vector<std::vector<std::pair<std::string, std::string>>>{
           {{"a.ovf", ovf}},                                            // the disk is missing
           {{"a.ovf", ovf}, {"b.ovf", ovf}, {"shop-disk1.vmdk", "x"}},  // which one?
           {{"shop-disk1.vmdk", "x"}},
           {{"a.ovf", corpus("ovf/bomb")}},
           {{"../a.ovf", ovf}, {"shop-disk1.vmdk", "x"}},
           {{"/etc/a.ovf", ovf}, {"shop-disk1.vmdk", "x"}},
           {{"a.ovf", ovf}, {"A.OVF", ovf}},
           {{"a.ovf", ovf}, {"shop-disk1.vmdk", "x"}, {"a.cert", "x"}},
           {{"a.ovf", ovf}, {"shop-disk1.vmdk", "x"}, {"a.mf", "SHA256(a.ovf)= 00\n"}},
           {{"a.ovf", ovf}, {"shop-disk1.vmdk", "x"}, {"a.mf", "garbage\n"}}}) {
    const std::string bytes = archive(members);
    const auto opened = open_ova(MemorySource(bytes));
    EXPECT_FALSE(opened.ok()) << members.back().first;
    if (!opened.ok()) {
      EXPECT_GT(opened.error().message().size(), 20u);
    }
  }
}

}  // namespace
}  // namespace bridle::image
