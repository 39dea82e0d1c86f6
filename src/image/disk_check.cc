#include "image/disk_check.h"

#include "base/units.h"

namespace bridle::image {
namespace {

constexpr std::string_view qcow2_magic = "QFI\xfb";
constexpr std::string_view vmdk_magic = "KDMV", vmdk_text = "# Disk DescriptorFile";

struct Magic {
  std::string_view bytes;
  size_t at;
  std::string_view what;
};
// Formats that have a header of their own and are not taken.
constexpr Magic foreign[] = {{"COWD", 0, "an ESX sparse VMDK"},
                             {"conectix", 0, "a VPC disk"},
                             {"vhdxfile", 0, "a VHDX disk"},
                             {"<<< ", 0, "a VirtualBox disk"},
                             {"QED\0", 0, "a QED disk"},
                             {"LUKS\xba\xbe", 0, "encrypted with LUKS"},
                             {"WithoutFreeSpace", 0, "a Parallels disk"},
                             {"WithouFreSpacExt", 0, "a Parallels disk"},
                             {"ustar", 257, "a tar archive (an OVA?)"},
                             {"PK\x03\x04", 0, "a zip archive"},
                             {"\x1f\x8b", 0, "compressed with gzip"},
                             {"\xfd"
                              "7zXZ",
                              0, "compressed with xz"},
                             {"(\xb5/\xfd", 0, "compressed with zstd"},
                             {"BZh", 0, "compressed with bzip2"}};

bool has(std::string_view head, const Magic& magic) {
  return head.size() >= magic.at && head.substr(magic.at).starts_with(magic.bytes);
}

// What a header says it is; empty: nothing that is known.
std::string_view own_word(std::string_view head) {
  if (head.starts_with(qcow2_magic)) return "a qcow2 disk";
  if (head.starts_with(vmdk_magic)) return "a VMDK disk";
  if (head.starts_with(vmdk_text)) return "the text of a VMDK descriptor";
  for (const Magic& magic : foreign)
    if (has(head, magic)) return magic.what;
  return {};
}

Result<std::string> head_of(const ByteSource& file) {
  if (file.size() == 0) return Error(Code::corrupt, "the file is empty");
  return file.read(0, static_cast<size_t>(std::min<uint64_t>(file.size(), 512)));
}

}  // namespace

std::string_view format_name(DiskFormat format) {
  switch (format) {
    case DiskFormat::qcow2:
      return "qcow2";
    case DiskFormat::vmdk:
      return "vmdk";
    case DiskFormat::raw:
      break;
  }
  return "raw";
}

std::optional<DiskFormat> format_from_name(std::string_view name) {
  for (const DiskFormat format : {DiskFormat::qcow2, DiskFormat::raw, DiskFormat::vmdk})
    if (format_name(format) == name) return format;
  return {};
}

Result<DiskFormat> decide_format(const ByteSource& file) {
  BRIDLE_TRY(const std::string head, head_of(file));
  if (head.starts_with(qcow2_magic)) return DiskFormat::qcow2;
  if (head.starts_with(vmdk_magic) || head.starts_with(vmdk_text)) return DiskFormat::vmdk;
  if (const std::string_view word = own_word(head); !word.empty())
    return Error(Code::refused, "byte 0: the file is " + std::string(word) +
                                    ", which cannot be imported; unpack it, or convert it with: "
                                    "qemu-img convert -O qcow2 FILE NEW.qcow2");
  if (head.size() == 512 && head.substr(510) == "\x55\xaa") return DiskFormat::raw;
  return Error(Code::invalid,
               "byte 0: the file has no header that is known and no boot sector; if it is a raw "
               "disk, say so with --format raw");
}

Status check_size(uint64_t size, uint64_t limit, std::string_view what) {
  if (size <= limit) return {};
  return Error(Code::refused, std::string(what) + " is " + format_bytes(size) +
                                  ", more than the limit of " + format_bytes(limit) +
                                  "; shrink the disk before, with: qemu-img resize --shrink");
}

Result<DiskFacts> check_raw(const ByteSource& file, const DiskLimits& limits) {
  BRIDLE_TRY(const std::string head, head_of(file));
  if (const std::string_view word = own_word(head); !word.empty())
    return Error(Code::refused, "byte 0: said to be raw, but the file is " + std::string(word) +
                                    "; import it as what it is");
  if (file.size() % 512 != 0)
    return Error(Code::corrupt, "the file has " + std::to_string(file.size()) +
                                    " bytes, which is no whole number of 512-byte sectors: it was "
                                    "cut short; if it was not, pad it with: truncate -s %512 FILE");
  BRIDLE_CHECK(check_size(file.size(), limits.virtual_size, "the disk"));
  BRIDLE_CHECK(check_size(file.size(), limits.data, "the disk's data"));
  return DiskFacts{DiskFormat::raw, file.size(), file.size(), false, {}};
}

Result<DiskFacts> check_disk(const ByteSource& file, DiskFormat format, const DiskLimits& limits) {
  switch (format) {
    case DiskFormat::qcow2:
      return check_qcow2(file, limits).context("qcow2");
    case DiskFormat::vmdk:
      return check_vmdk(file, limits).context("vmdk");
    case DiskFormat::raw:
      break;
  }
  return check_raw(file, limits).context("raw");
}

}  // namespace bridle::image
