// rooms: image
// fuzz: -max_len=40960
// An uploaded disk: the choice of its format, and the checks of all formats, whatever it says it
// is.
#include <cstdint>
#include <cstdlib>

#include "image/disk_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::image;
  const MemorySource file({reinterpret_cast<const char*>(data), size});
  const DiskLimits limits{uint64_t{1} << 40, uint64_t{1} << 34};
  const auto decided = decide_format(file);
  if (!decided.ok() && decided.error().message().empty()) std::abort();
  for (const DiskFormat format : {DiskFormat::qcow2, DiskFormat::raw, DiskFormat::vmdk}) {
    const auto facts = check_disk(file, format, limits);
    if (!facts.ok() && facts.error().message().empty()) std::abort();
    if (facts.ok() && (facts->format != format || facts->virtual_size == 0 ||
                       facts->virtual_size > limits.virtual_size || facts->data > limits.data))
      std::abort();
  }
  return 0;
}
