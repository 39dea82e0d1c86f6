#include "base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace bridle {
namespace {

struct Lead {
  size_t size;        // of the whole sequence; 0: not a lead byte
  char32_t bits;      // payload of the lead byte
  char32_t smallest;  // a smaller code point would be overlong
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, byte, 0};
  if (byte >= 0xc2 && byte < 0xe0) return {2, byte & 0x1fU, 0x80};
  if (byte >= 0xe0 && byte < 0xf0) return {3, byte & 0x0fU, 0x800};
  if (byte >= 0xf0 && byte < 0xf5) return {4, byte & 0x07U, 0x10000};
  return {0, 0, 0};
}

}  // namespace

std::optional<char32_t> take_utf8(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const Lead lead = lead_of(static_cast<uint8_t>(text[0]));
  if (lead.size == 0 || text.size() < lead.size) return std::nullopt;
  char32_t point = lead.bits;
  for (size_t i = 1; i < lead.size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) return std::nullopt;
    point = point << 6 | (byte & 0x3fU);
  }
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  if (point < lead.smallest || surrogate || point > 0x10ffff) return std::nullopt;
  text.remove_prefix(lead.size);
  return point;
}

bool valid_utf8(std::string_view text) {
  while (!text.empty())
    if (!take_utf8(text)) return false;
  return true;
}

}  // namespace bridle
