// TarIndex: where the members of a tar archive lie, without unpacking any. For OVAs, which are flat
// archives of plain files, so whatever else a tar can hold is refused, with the header's place:
//
//   names that are paths, empty, not printable, or there twice (case ignored)
//   symbolic and hard links, folders, devices, and headers that change the next one (pax, GNU)
//   wrong checksums, sizes that leave the archive, more than most_members, a missing end
//
// Thread class: pure, but for what the ByteSource reads. Errors: Code::corrupt, Code::refused.
#pragma once

#include <string>
#include <vector>

#include "image/byte_source.h"

namespace bridle::image {

struct TarMember {
  std::string name;
  uint64_t offset = 0;  // of its first byte
  uint64_t size = 0;
};

constexpr size_t most_members = 64;

bool looks_like_tar(const ByteSource& file);
Result<std::vector<TarMember>> index_tar(const ByteSource& file);

// A header block of 512 bytes. REQUIRES: a name of 1 to 99 bytes.
std::string tar_header(const std::string& name, uint64_t size);

}  // namespace bridle::image
