// check_qcow2: a qcow2 file's header, extensions and tables (QEMU's docs/interop/qcow2.txt).
#include "base/units.h"
#include "image/disk_check.h"

namespace bridle::image {
namespace {

constexpr uint64_t offset_mask = 0x00fffffffffffe00;
constexpr uint64_t largest_l1 = 32 << 20, largest_refcount_table = 8 << 20;  // bytes, as QEMU's
constexpr uint32_t most_snapshots = 65536;
// More than deflate can do; only beyond `bomb_floor`, for an erased disk may come near.
constexpr uint64_t bomb_ratio = 1100, bomb_floor = uint64_t{1} << 30;

struct Header {
  uint32_t version = 0, cluster_bits = 0, crypt = 0, l1_size = 0, refcount_clusters = 0;
  uint32_t snapshots = 0, backing_size = 0, refcount_order = 4, length = 72;
  uint64_t backing = 0, size = 0, l1 = 0, refcount_table = 0, snapshot_table = 0, incompatible = 0;

  uint64_t cluster() const { return uint64_t{1} << cluster_bits; }
  bool extended() const { return (incompatible & 16) != 0; }
  uint64_t entry() const { return extended() ? 16 : 8; }
};

Error refused(uint64_t at, const std::string& what) {
  return Error(Code::refused, "byte " + std::to_string(at) + ": " + what);
}
Error corrupt(uint64_t at, const std::string& what) {
  return Error(Code::corrupt, "byte " + std::to_string(at) + ": " + what +
                                  ": the file is damaged or was made by hand; repair it with "
                                  "qemu-img check, or export it again");
}

Result<Header> read_header(const ByteSource& file) {
  BRIDLE_TRY(const std::string head, file.read(0, 72));
  if (!std::string_view(head).starts_with("QFI\xfb"))
    return Error(Code::corrupt, "byte 0: the file is no qcow2 disk; import it as what it is");
  Header h;
  h.version = big32(head, 4);
  if (h.version != 2 && h.version != 3)
    return refused(4,
                   "version " + std::to_string(h.version) +
                       " is not known, only 2 and 3; convert it with: qemu-img convert -O qcow2");
  h.backing = big64(head, 8);
  h.backing_size = big32(head, 16);
  h.cluster_bits = big32(head, 20);
  h.size = big64(head, 24);
  h.crypt = big32(head, 32);
  h.l1_size = big32(head, 36);
  h.l1 = big64(head, 40);
  h.refcount_table = big64(head, 48);
  h.refcount_clusters = big32(head, 56);
  h.snapshots = big32(head, 60);
  h.snapshot_table = big64(head, 64);
  if (h.version == 2) return h;
  BRIDLE_TRY(const std::string more, file.read(72, 32));
  h.incompatible = big64(more, 0);
  h.refcount_order = big32(more, 24);
  h.length = big32(more, 28);
  return h;
}

// A name from the file, for a message.
std::string name_at(const ByteSource& file, uint64_t offset, uint32_t size) {
  const auto bytes = file.read(offset, std::min<uint32_t>(size, 120));
  if (!bytes.ok()) return "?";
  std::string out = *bytes;
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

constexpr std::string_view flatten =
    "; make it one file where it came from, with: qemu-img convert -O qcow2 FILE FLAT.qcow2";

Status check_features(const ByteSource& file, const Header& h, bool overlay) {
  if (!overlay && (h.backing != 0 || h.backing_size != 0))
    return refused(8, "it names a backing file, \"" + name_at(file, h.backing, h.backing_size) +
                          "\", and an import reads no other file" + std::string(flatten));
  if (h.crypt != 0)
    return refused(32, "it is encrypted; decrypt it where its key is, with: qemu-img convert");
  if ((h.incompatible & 4) != 0)
    return refused(72, "its data is in an external data file, and an import reads no other file" +
                           std::string(flatten));
  if ((h.incompatible & 2) != 0)
    return refused(72, "it is marked corrupt; repair it with: qemu-img check -r all FILE");
  if ((h.incompatible & 1) != 0)
    return refused(72,
                   "it is marked dirty: its last writer did not close it; repair it with: "
                   "qemu-img check -r all FILE");
  if ((h.incompatible & ~uint64_t{31}) != 0)
    return refused(72, "it needs features that are not known" + std::string(flatten));
  return {};
}

Status check_numbers(const Header& h, const DiskLimits& limits) {
  if (h.cluster_bits < 9 || h.cluster_bits > 21)
    return corrupt(20, "clusters of 2^" + std::to_string(h.cluster_bits) +
                           " bytes; between 2^9 and 2^21 are allowed");
  if (h.extended() && h.cluster_bits < 14) return corrupt(20, "subclusters need larger clusters");
  if (h.refcount_order > 6) return corrupt(96, "reference counts wider than 64 bits");
  if (h.version == 3 && (h.length < 104 || h.length % 8 != 0 || h.length > h.cluster()))
    return corrupt(100, "a header of " + std::to_string(h.length) + " bytes");
  if (h.size == 0) return corrupt(24, "a disk of no bytes");
  if (h.size % 512 != 0) return corrupt(24, "a disk that is no whole number of sectors");
  return check_size(h.size, limits.virtual_size, "byte 24: the disk");
}

Status check_extensions(const ByteSource& file, const Header& h) {
  const uint64_t end = std::min(h.cluster(), file.size());
  uint64_t at = h.length;
  while (at + 8 <= end) {
    BRIDLE_TRY(const std::string head, file.read(at, 8));
    const uint32_t type = big32(head, 0), length = big32(head, 4);
    if (type == 0) return {};
    if (length > end - at - 8) return corrupt(at, "a header extension leaves the header");
    if (type == 0x44415441)
      return refused(at, "it names an external data file, \"" + name_at(file, at + 8, length) +
                             "\", and an import reads no other file" + std::string(flatten));
    if (type == 0x0537be77)
      return refused(at,
                     "it is encrypted with LUKS; decrypt it where its key is, with: qemu-img "
                     "convert");
    at += 8 + (uint64_t{length} + 7) / 8 * 8;
  }
  return {};
}

// Reads what the header points at, and claims each cluster once.
class Tables {
 public:
  Tables(const ByteSource& file, const Header& header, const DiskLimits& limits)
      : file_(file),
        h_(header),
        limits_(limits),
        claims_(file.size(), header.cluster()),
        packed_(file.size(), 512) {}

  Result<DiskFacts> check() {
    BRIDLE_CHECK(claims_.claim(0, h_.length, "the header"));
    BRIDLE_CHECK(check_refcounts());
    BRIDLE_CHECK(check_l1());
    facts_.format = DiskFormat::qcow2;
    facts_.virtual_size = h_.size;
    facts_.data = data_;
    facts_.compressed = unpacked_ != 0;
    if (unpacked_ > bomb_floor && unpacked_ / bomb_ratio > packed_sectors_ * 512)
      return Error(Code::refused,
                   "its " + format_bytes(packed_sectors_ * 512) +
                       " of compressed data claim to be " + format_bytes(unpacked_) +
                       ": it is made to fill disks; if it is not, convert it uncompressed with: "
                       "qemu-img convert -O qcow2 FILE PLAIN.qcow2");
    return facts_;
  }

 private:
  Status table_at(uint64_t offset, uint64_t bytes, uint64_t field, std::string_view what) {
    if (offset == 0 || offset % h_.cluster() != 0)
      return corrupt(field, std::string(what) + " is at byte " + std::to_string(offset) +
                                ", which is not the begin of a cluster");
    if (offset > file_.size() || bytes > file_.size() - offset)
      return corrupt(field, std::string(what) + " at byte " + std::to_string(offset) +
                                " leaves the file of " + std::to_string(file_.size()) + " bytes");
    return claims_.claim(offset, bytes, what);
  }

  Status check_refcounts() {
    const uint64_t bytes = h_.refcount_clusters * h_.cluster();
    if (bytes == 0 || bytes > largest_refcount_table)
      return corrupt(56, "a refcount table of " + format_bytes(bytes) + "; up to " +
                             format_bytes(largest_refcount_table) + " are allowed");
    BRIDLE_CHECK(table_at(h_.refcount_table, bytes, 48, "the refcount table"));
    BRIDLE_TRY(const std::string table, file_.read(h_.refcount_table, bytes));
    for (uint64_t i = 0; i < bytes; i += 8)
      if (const uint64_t block = big64(table, i); block != 0)
        BRIDLE_CHECK(table_at(block,
                              std::min(h_.cluster(), file_.size() - std::min(block, file_.size())),
                              h_.refcount_table + i, "a refcount block"));
    return {};
  }

  Status check_l1() {
    const uint64_t bytes = uint64_t{h_.l1_size} * 8;
    if (bytes > largest_l1)
      return corrupt(36, "an L1 table of " + format_bytes(bytes) + "; up to " +
                             format_bytes(largest_l1) + " are allowed");
    const uint64_t covers = h_.cluster() / h_.entry() * h_.cluster();  // bytes, by one L2 table
    const uint64_t needed = h_.size / covers + (h_.size % covers != 0);
    if (h_.l1_size < needed)
      return corrupt(36, "an L1 table of " + std::to_string(h_.l1_size) +
                             " entries, but the disk needs " + std::to_string(needed));
    BRIDLE_CHECK(table_at(h_.l1, bytes, 40, "the L1 table"));
    BRIDLE_CHECK(check_snapshots());
    BRIDLE_TRY(const std::string table, file_.read(h_.l1, bytes));
    for (uint64_t i = 0; i < needed; ++i) {
      const uint64_t entry = big64(table, i * 8);
      if ((entry & ~offset_mask & ~(uint64_t{1} << 63)) != 0)
        return corrupt(h_.l1 + i * 8, "an L1 entry has reserved bits");
      if ((entry & offset_mask) != 0)
        BRIDLE_CHECK(check_l2(entry & offset_mask, h_.l1 + i * 8, i * covers));
    }
    return {};
  }

  Status check_snapshots() {
    if (h_.snapshots == 0) return {};
    if (h_.snapshots > most_snapshots || h_.snapshot_table % h_.cluster() != 0 ||
        h_.snapshot_table >= file_.size())
      return corrupt(60, "a snapshot table that cannot be");
    facts_.warnings.push_back(std::to_string(h_.snapshots) +
                              " internal snapshots are left behind: only the present state is "
                              "imported");
    return {};
  }

  Status check_l2(uint64_t offset, uint64_t field, uint64_t guest) {
    BRIDLE_CHECK(table_at(offset, h_.cluster(), field, "an L2 table"));
    BRIDLE_TRY(const std::string table, file_.read(offset, h_.cluster()));
    for (uint64_t i = 0; i < h_.cluster(); i += h_.entry(), guest += h_.cluster()) {
      const uint64_t entry = big64(table, i);
      if (entry == 0) continue;
      if (guest >= h_.size) return corrupt(offset + i, "a cluster behind the end of the disk");
      BRIDLE_CHECK(check_cluster(entry, offset + i, guest));
      BRIDLE_CHECK(check_size(data_, limits_.data, "the disk's data, unpacked,"));
    }
    return {};
  }

  Status check_cluster(uint64_t entry, uint64_t at, uint64_t guest) {
    if ((entry & (uint64_t{1} << 62)) != 0) return check_compressed(entry, at);
    if ((entry & 0x3f00000000000000) != 0) return corrupt(at, "an L2 entry has reserved bits");
    const uint64_t offset = entry & offset_mask;
    if (offset == 0) return {};
    if (offset % h_.cluster() != 0) return corrupt(at, "a cluster that is not aligned");
    // QEMU writes the disk's last cluster no further than the disk reaches.
    const uint64_t bytes = std::min(h_.cluster(), h_.size - guest);
    if (offset > file_.size() || bytes > file_.size() - offset)
      return corrupt(at, "a cluster at byte " + std::to_string(offset) + " leaves the file of " +
                             std::to_string(file_.size()) + " bytes");
    data_ += h_.cluster();
    return claims_.claim(offset, bytes, "a cluster of data");
  }

  Status check_compressed(uint64_t entry, uint64_t at) {
    const uint32_t shift = 62 - (h_.cluster_bits - 8);
    const uint64_t offset = entry & ((uint64_t{1} << shift) - 1);
    const uint64_t sectors = ((entry >> shift) & ((uint64_t{1} << (h_.cluster_bits - 8)) - 1)) + 1;
    if (!packed_.mark(offset / 512 * 512, sectors * 512, packed_sectors_))
      return corrupt(at, "a compressed cluster at byte " + std::to_string(offset) +
                             " leaves the file of " + std::to_string(file_.size()) + " bytes");
    data_ += h_.cluster();
    unpacked_ += h_.cluster();
    return {};
  }

  const ByteSource& file_;
  const Header& h_;
  const DiskLimits& limits_;
  ClaimMap claims_;  // in clusters
  ClaimMap packed_;  // in sectors, of compressed data
  uint64_t packed_sectors_ = 0, unpacked_ = 0, data_ = 0;
  DiskFacts facts_;
};

}  // namespace

Result<DiskFacts> check_qcow2(const ByteSource& file, const DiskLimits& limits) {
  BRIDLE_TRY(const Header header, read_header(file));
  BRIDLE_CHECK(check_features(file, header, limits.overlay));
  BRIDLE_CHECK(check_numbers(header, limits));
  BRIDLE_CHECK(check_extensions(file, header));
  return Tables(file, header, limits).check();
}

}  // namespace bridle::image
