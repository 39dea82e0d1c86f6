// rooms: image
// fuzz: -max_len=16384
// An OVA: its archive, manifest, signature and descriptor.
#include <cstdint>
#include <cstdlib>

#include "image/ova.h"
#include "image/tar_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::image;
  const MemorySource file({reinterpret_cast<const char*>(data), size});
  const auto members = index_tar(file);
  if (!members.ok()) return 0;
  for (const TarMember& member : *members)
    if (member.offset + member.size > size || member.name.find('/') != std::string::npos)
      std::abort();
  const auto ova = open_ova(file);
  if (!ova.ok() && ova.error().message().empty()) std::abort();
  return 0;
}
