// rooms: image
// The text that describes a VMDK: whatever passes has one extent, here, and no parent.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "image/disk_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool passed = bridle::image::check_vmdk_descriptor(text, 192).ok();
  if (passed && text.find("SPARSE") == std::string_view::npos) std::abort();
  return 0;
}
