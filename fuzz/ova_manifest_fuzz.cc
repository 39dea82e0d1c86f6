// rooms: image
// Manifest and signature of an OVA, and the results that import helpers write.
#include <cstdint>

#include "image/import_plan.h"
#include "image/ova_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::image;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_ova_manifest(text).ok();
  (void)check_signature(text, "manifest", "web.mf").ok();
  (void)decode_convert_result(text).ok();
  (void)decode_adopt_result(text).ok();
  return 0;
}
