// rooms: image
// The manifest that the build helper leaves, read by the store helper and bridled.
#include <cstdint>
#include <cstdlib>

#include "image/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::image;
  const auto manifest = decode_manifest({reinterpret_cast<const char*>(data), size});
  if (!manifest.ok()) return 0;
  if (!is_digest(manifest->kernel.digest) || !is_digest(manifest->inputs)) std::abort();
  const std::string text = encode_manifest(*manifest);
  const auto again = decode_manifest(text);
  if (!again.ok() || encode_manifest(*again) != text) std::abort();
  return 0;
}
