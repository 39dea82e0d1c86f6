// rooms: backup
// A backup's header and the heads of its entries: what is read before or after decryption.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "backup/archive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::backup;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)decode_header(bytes).ok();
  const auto parsed = parse_head(bytes);
  if (!parsed.ok() || !parsed->head) return 0;
  // What is accepted is what would be written.
  if (encode(*parsed->head) != bytes.substr(0, parsed->used)) std::abort();
  return 0;
}
