// check_vmdk: a hosted sparse extent ("monolithicSparse" or "streamOptimized") with its embedded
// descriptor: one file that needs no other.
//
// QEMU follows the descriptor's text when the header's capacity is 0, and takes a parent from any
// "parentFileNameHint" in the first 20 sectors of the descriptor, whatever its size says: both are
// refused here.
#include <algorithm>
#include <charconv>

#include "base/units.h"
#include "image/disk_check.h"

namespace bridle::image {
namespace {

constexpr uint64_t sector = 512;
constexpr uint64_t entries_per_table = 512;
constexpr uint64_t largest_directory = 32 << 20, largest_descriptor = 1 << 20;  // bytes
constexpr uint64_t descriptor_qemu_reads = 20 * sector;
constexpr uint64_t at_end = ~uint64_t{0};
constexpr uint32_t flag_compressed = 1 << 16, flag_markers = 1 << 17;

Error refused(const std::string& what) { return Error(Code::refused, what); }
Error corrupt(uint64_t at, const std::string& what) {
  return Error(Code::corrupt, "byte " + std::to_string(at) + ": " + what +
                                  ": the file is damaged or was made by hand; export it again");
}

constexpr std::string_view one_file =
    "; make it one file where it came from, with: qemu-img convert -O vmdk -o "
    "subformat=streamOptimized FILE NEW.vmdk";

// ---- descriptor

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

std::string shown(std::string_view text) {
  std::string out(text.substr(0, 120));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    return text.substr(1, text.size() - 2);
  return text;
}

bool is_extent(std::string_view line) {
  for (const std::string_view word : {"RW ", "RDONLY ", "NOACCESS "})
    if (line.starts_with(word)) return true;
  return false;
}

// `RW 4192256 SPARSE "disk.vmdk"`
Status check_extent(std::string_view line, uint64_t capacity) {
  std::string_view rest = trim(line.substr(line.find(' ')));
  uint64_t sectors = 0;
  const auto [end, wrong] = std::from_chars(rest.data(), rest.data() + rest.size(), sectors);
  if (wrong != std::errc())
    return refused("descriptor: the extent \"" + shown(line) + "\" has no size");
  rest = trim(rest.substr(static_cast<size_t>(end - rest.data())));
  const std::string_view type = rest.substr(0, rest.find(' '));
  const std::string_view name = unquoted(trim(rest.substr(std::min(rest.size(), type.size()))));
  if (type != "SPARSE")
    return refused("descriptor: the extent \"" + shown(line) +
                   "\" is in another file, and an import reads no other file" +
                   std::string(one_file));
  if (name.find('/') != std::string_view::npos || name.find('\\') != std::string_view::npos)
    return refused("descriptor: the extent's file \"" + shown(name) +
                   "\" is a path, and an import reads no other file" + std::string(one_file));
  if (sectors != capacity)
    return refused("descriptor: the extent has " + std::to_string(sectors) +
                   " sectors, the header " + std::to_string(capacity) + std::string(one_file));
  return {};
}

Status check_setting(std::string_view line) {
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view key = trim(line.substr(0, equals));
  const std::string_view value = unquoted(trim(line.substr(equals + 1)));
  if (key == "parentCID" && value != "ffffffff" && value != "FFFFFFFF")
    return refused("descriptor: it has a parent (parentCID=" + shown(value) +
                   "), and an import reads no other file" + std::string(one_file));
  if (key == "createType" && value != "monolithicSparse" && value != "streamOptimized")
    return refused("descriptor: createType \"" + shown(value) + "\" is spread over several files" +
                   std::string(one_file));
  if (key == "encryptionKeySets" || key == "keySafe" || key == "encryption.keySafe")
    return refused("descriptor: it is encrypted; decrypt it where its key is");
  return {};
}

// ---- header

struct Header {
  uint32_t version = 0, flags = 0, entries = 0;
  uint64_t capacity = 0, grain = 0, descriptor = 0, descriptor_size = 0;  // in sectors
  uint64_t redundant = 0, directory = 0, overhead = 0;                    // in sectors
  uint16_t compression = 0;
  bool footed = false;  // it is the footer

  uint64_t grain_bytes() const { return grain * sector; }
  bool compressed() const { return (flags & flag_compressed) != 0; }
};

Header header_of(std::string_view b) {
  Header h;
  h.version = little32(b, 4);
  h.flags = little32(b, 8);
  h.capacity = little64(b, 12);
  h.grain = little64(b, 20);
  h.descriptor = little64(b, 28);
  h.descriptor_size = little64(b, 36);
  h.entries = little32(b, 44);
  h.redundant = little64(b, 48);
  h.directory = little64(b, 56);
  h.overhead = little64(b, 64);
  h.compression = little16(b, 77);
  return h;
}

bool same_but_directory(const Header& a, const Header& b) {
  return a.version == b.version && a.flags == b.flags && a.entries == b.entries &&
         a.capacity == b.capacity && a.grain == b.grain && a.compression == b.compression;
}

Status check_numbers(const Header& h, const DiskLimits& limits) {
  if (h.version < 1 || h.version > 3)
    return corrupt(4, "version " + std::to_string(h.version) + " is not known");
  if (h.capacity == 0)
    return refused("byte 12: a capacity of 0 means that the disk is described elsewhere" +
                   std::string(one_file));
  if (h.capacity > limits.virtual_size / sector)
    return Error(Code::refused, "byte 12: the disk has " + std::to_string(h.capacity) +
                                    " sectors, more than the limit of " +
                                    format_bytes(limits.virtual_size) +
                                    "; shrink the disk before it is exported");
  if (h.grain < 8 || h.grain > 2048 || (h.grain & (h.grain - 1)) != 0)
    return corrupt(20, "grains of " + std::to_string(h.grain) + " sectors");
  if (h.entries != entries_per_table)
    return corrupt(44, "grain tables of " + std::to_string(h.entries) + " entries; 512 are usual");
  if (h.compression > 1)
    return corrupt(77, "compression " + std::to_string(h.compression) + " is not known");
  if (h.compressed() && h.compression != 1) return corrupt(77, "compressed without an algorithm");
  return {};
}

// The header that counts: the footer's, where the header says that it is at the end.
Result<Header> read_header(const ByteSource& file, const DiskLimits& limits) {
  if (file.size() == 0) return Error(Code::corrupt, "byte 0: the file is empty; export it again");
  const auto first = file.read(0, std::min(file.size(), sector));
  if (!first.ok()) return first.error();
  const std::string_view head = *first;
  // A text may be shorter than a header is.
  if (head.starts_with("# Disk DescriptorFile")) {
    BRIDLE_TRY(const std::string text,
               file.read(0, static_cast<size_t>(std::min(file.size(), largest_descriptor))));
    BRIDLE_CHECK(check_vmdk_descriptor(text, 0));
    return refused(
        "byte 0: this is only the text that describes a disk; its data is in other "
        "files" +
        std::string(one_file));
  }
  if (!head.starts_with("KDMV"))
    return Error(Code::corrupt, "byte 0: the file is no VMDK disk; import it as what it is");
  if (head.size() < sector || file.size() % sector != 0)
    return corrupt(file.size(), "the file ends within a sector: it was cut short");
  const Header header = header_of(head);
  BRIDLE_CHECK(check_numbers(header, limits));
  if (header.directory != at_end) return header;
  if (file.size() < 4 * sector) return corrupt(56, "the footer is missing");
  const uint64_t at = (file.size() / sector - 2) * sector;  // before the end-of-stream marker
  BRIDLE_TRY(const std::string foot, file.read(at, sector));
  if (!std::string_view(foot).starts_with("KDMV"))
    return corrupt(at, "the footer is missing: the file was cut short");
  Header footer = header_of(foot);
  if (!same_but_directory(header, footer)) return corrupt(at, "the footer contradicts the header");
  if (footer.descriptor != header.descriptor && footer.descriptor != 0)
    return corrupt(at, "the footer contradicts the header");
  footer.descriptor = header.descriptor;
  footer.descriptor_size = header.descriptor_size;
  footer.footed = true;
  BRIDLE_CHECK(check_numbers(footer, limits));
  return footer;
}

// ---- tables

class Tables {
 public:
  Tables(const ByteSource& file, const Header& header, const DiskLimits& limits)
      : file_(file), h_(header), limits_(limits), claims_(file.size(), sector) {}

  Result<DiskFacts> check() {
    BRIDLE_CHECK(claims_.claim(0, sector, "the header"));
    BRIDLE_CHECK(check_descriptor());
    const uint64_t covers = h_.grain * entries_per_table;  // sectors, by one grain table
    const uint64_t tables = h_.capacity / covers + (h_.capacity % covers != 0);
    if (tables * 4 > largest_directory)
      return corrupt(20, "a grain directory of " + format_bytes(tables * 4) + "; up to " +
                             format_bytes(largest_directory) + " are allowed");
    BRIDLE_CHECK(place(h_.directory, tables * 4, 56, "the grain directory"));
    BRIDLE_TRY(const std::string directory, file_.read(h_.directory * sector, tables * 4));
    for (uint64_t i = 0; i < tables; ++i) {
      const uint64_t table = little32(directory, i * 4);
      if (table != 0) BRIDLE_CHECK(check_table(table, h_.directory * sector + i * 4, i * covers));
    }
    BRIDLE_CHECK(check_end());
    DiskFacts facts;
    facts.format = DiskFormat::vmdk;
    facts.virtual_size = h_.capacity * sector;
    facts.data = data_;
    facts.compressed = h_.compressed();
    return facts;
  }

 private:
  Status place(uint64_t at_sector, uint64_t bytes, uint64_t field, std::string_view what) {
    if (at_sector == 0 || at_sector > file_.size() / sector ||
        bytes > file_.size() - at_sector * sector)
      return corrupt(field, std::string(what) + " at sector " + std::to_string(at_sector) +
                                " leaves the file of " + std::to_string(file_.size()) + " bytes");
    if (at_sector * sector >= last_begin_) {
      last_begin_ = at_sector * sector;
      last_end_ = last_begin_ + bytes;
    }
    return claims_.claim(at_sector * sector, bytes, what);
  }

  Status check_descriptor() {
    if (h_.descriptor == 0 || h_.descriptor_size == 0)
      return corrupt(28, "the file has no descriptor");
    if (h_.descriptor_size > largest_descriptor / sector)
      return corrupt(36, "a descriptor of " + std::to_string(h_.descriptor_size) + " sectors");
    const uint64_t bytes = h_.descriptor_size * sector;
    BRIDLE_CHECK(place(h_.descriptor, bytes, 28, "the descriptor"));
    const uint64_t at = h_.descriptor * sector;
    const uint64_t seen = std::min(std::max(bytes, descriptor_qemu_reads), file_.size() - at);
    BRIDLE_TRY(const std::string all, file_.read(at, seen));
    if (all.find("parentFileNameHint") != std::string::npos)
      return refused(
          "descriptor: it names a parent (parentFileNameHint), and an import reads no "
          "other file" +
          std::string(one_file));
    const std::string_view text(all.data(), bytes);
    return check_vmdk_descriptor(text.substr(0, text.find('\0')), h_.capacity);
  }

  Status check_table(uint64_t table, uint64_t field, uint64_t guest) {
    BRIDLE_CHECK(place(table, entries_per_table * 4, field, "a grain table"));
    BRIDLE_TRY(const std::string entries, file_.read(table * sector, entries_per_table * 4));
    for (uint64_t i = 0; i < entries_per_table; ++i, guest += h_.grain) {
      const uint64_t grain = little32(entries, i * 4);
      if (grain <= 1) continue;  // nothing, or zeroes
      const uint64_t at = table * sector + i * 4;
      if (guest >= h_.capacity) return corrupt(at, "a grain behind the end of the disk");
      BRIDLE_CHECK(h_.compressed() ? check_packed(grain, at, guest)
                                   : place(grain, bytes_of(guest), at, "a grain"));
      data_ += h_.grain_bytes();
      BRIDLE_CHECK(check_size(data_, limits_.data, "the disk's data, unpacked,"));
    }
    return {};
  }
  uint64_t bytes_of(uint64_t guest) const {
    return std::min(h_.grain, h_.capacity - guest) * sector;
  }

  // A stream ends with a sector of zeroes, or (as QEMU writes it) has room for all of its last
  // grain: one that ends in between has lost its tail, if only padding.
  Status check_end() {
    if ((h_.flags & flag_markers) == 0 || h_.footed || last_grain_ == 0) return {};
    if (last_begin_ > last_grain_) return {};  // a table, which is whole
    const uint64_t data_end = (last_end_ + sector - 1) / sector * sector;
    if (file_.size() == data_end + sector || file_.size() >= last_begin_ + h_.grain_bytes())
      return {};
    return corrupt(file_.size(), "the stream ends without its end mark: it was cut short");
  }

  // {u64 lba; u32 size; compressed bytes}, or the bytes alone where there are no markers.
  Status check_packed(uint64_t grain, uint64_t field, uint64_t guest) {
    if ((h_.flags & flag_markers) == 0) return place(grain, sector, field, "a grain");
    if (grain > file_.size() / sector)
      return corrupt(field, "a grain at sector " + std::to_string(grain) + " leaves the file");
    BRIDLE_TRY(const std::string marker, file_.read(grain * sector, 12));
    const uint32_t size = little32(marker, 8);
    if (little64(marker, 0) != guest)
      return corrupt(grain * sector, "a grain that says it belongs elsewhere");
    if (size == 0 || size > 2 * h_.grain_bytes())
      return corrupt(grain * sector + 8, "a grain of " + std::to_string(size) + " bytes");
    last_grain_ = std::max(last_grain_, grain * sector);
    return place(grain, 12 + uint64_t{size}, field, "a grain");
  }

  const ByteSource& file_;
  const Header& h_;
  const DiskLimits& limits_;
  ClaimMap claims_;
  uint64_t data_ = 0;
  // Bytes, of what is furthest behind, and of the grain that is.
  uint64_t last_begin_ = 0, last_end_ = 0, last_grain_ = 0;
};

}  // namespace

Status check_vmdk_descriptor(std::string_view text, uint64_t capacity) {
  if (text.size() > largest_descriptor)
    return refused("descriptor: larger than " + format_bytes(largest_descriptor));
  size_t extents = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.find("parentFileNameHint") != std::string_view::npos)
      return refused("descriptor: it names a parent, \"" + shown(line) +
                     "\", and an import reads no other file" + std::string(one_file));
    if (!is_extent(line)) {
      BRIDLE_CHECK(check_setting(line));
      continue;
    }
    if (++extents > 1) return refused("descriptor: it has several extents" + std::string(one_file));
    BRIDLE_CHECK(check_extent(line, capacity));
  }
  if (extents == 0) return refused("descriptor: it has no extent" + std::string(one_file));
  return {};
}

Result<DiskFacts> check_vmdk(const ByteSource& file, const DiskLimits& limits) {
  BRIDLE_TRY(const Header header, read_header(file, limits));
  return Tables(file, header, limits).check();
}

}  // namespace bridle::image
