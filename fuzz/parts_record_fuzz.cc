// rooms: blob
// The record of checked parts.
#include <cstdint>
#include <cstdlib>

#include "blob/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bridle::blob::Records;
  const auto records = Records::decode({reinterpret_cast<const char*>(data), size});
  if (!records.ok()) return 0;
  const auto again = Records::decode(records->encode());
  if (!again.ok() || again->encode() != records->encode()) std::abort();
  return 0;
}
