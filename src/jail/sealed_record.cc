#include "jail/sealed_record.h"

namespace bridle::jail {

uint32_t crc32c(const void* data, size_t size) {
  uint32_t crc = ~0u;
  const auto* bytes = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
  }
  return ~crc;
}

Error corrupt_record(std::string_view what, std::string_view problem) {
  std::string message(what);
  message += problem;
  return Error(Code::corrupt, std::move(message));
}

Result<uint32_t> record_version(std::string_view text, uint32_t wanted, uint32_t newest,
                                std::string_view what) {
  uint32_t words[2];
  if (text.size() < sizeof words) return corrupt_record(what, " has a wrong size");
  std::memcpy(words, text.data(), sizeof words);
  if (words[0] != wanted) return corrupt_record(what, " has a wrong magic");
  if (words[1] >= 1 && words[1] <= newest) return words[1];
  if (words[1] == 0) return corrupt_record(what, " has an unknown version");
  return Error(Code::refused, "downgrade refused: " + std::string(what) + " has version " +
                                  std::to_string(words[1]) +
                                  ", written by a newer Bridle: install that one again, or end its "
                                  "guests first");
}

}  // namespace bridle::jail
