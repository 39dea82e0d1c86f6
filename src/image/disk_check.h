// What an uploaded disk is, decided and checked before any other program may open it.
//
// The format is what the user says, or is decided here once from the header (decide_format); it is
// stored and never looked for again. check_disk() then reads every table that qemu-img would
// follow, with bounds, and refuses what could make it open another file, or work without end:
//
//   qcow2   backing file, external data file, encryption, unknown features, tables that overlap,
//           leave the file or are larger than the disk needs, clusters used twice, more
//           data than fits the limit. Internal snapshots are left behind, with a warning.
//   vmdk    one sparse or stream-optimized file: descriptors whose extents are elsewhere, parents,
//           encryption, zero capacity (which means "look into the descriptor"), a footer that
//           contradicts the header, tables and grains as above
//   raw     anything whose size is a whole number of sectors; only what carries no other magic
//
// Every error says what is wrong, where, and what to do. The work is bounded by the size of the
// file: a table is read once, or the file is refused.
// Thread class: pure, but for what the ByteSource reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/byte_source.h"

namespace bridle::image {

enum class DiskFormat { qcow2, raw, vmdk };
std::string_view format_name(DiskFormat format);  // as QEMU spells it, too
std::optional<DiskFormat> format_from_name(std::string_view name);

struct DiskLimits {
  uint64_t virtual_size = uint64_t{64} << 40;  // bytes; what a Volume may have
  uint64_t data = uint64_t{64} << 30;          // bytes of guest data after unpacking
  bool overlay = false;  // it may name what lies below it: the reader says what that is
};

struct DiskFacts {
  DiskFormat format = DiskFormat::raw;
  uint64_t virtual_size = 0;  // bytes
  uint64_t data = 0;          // bytes of guest data that the tables refer to
  bool compressed = false;
  std::vector<std::string> warnings;  // what is not taken over
};

// Code::invalid: it does not say. "raw" is decided only for what begins with a boot sector.
Result<DiskFormat> decide_format(const ByteSource& file);
Result<DiskFacts> check_disk(const ByteSource& file, DiskFormat format, const DiskLimits& limits);

// For one format each; check_disk() calls them.
Result<DiskFacts> check_qcow2(const ByteSource& file, const DiskLimits& limits);
Result<DiskFacts> check_vmdk(const ByteSource& file, const DiskLimits& limits);
Result<DiskFacts> check_raw(const ByteSource& file, const DiskLimits& limits);

// A VMDK descriptor's text: exactly one extent, in this file. `capacity` in sectors, of the header.
Status check_vmdk_descriptor(std::string_view text, uint64_t capacity);

// Shared by the checks: the sentence for a size that is too large.
Status check_size(uint64_t size, uint64_t limit, std::string_view what);

}  // namespace bridle::image
