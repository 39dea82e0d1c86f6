#include "base/ids.h"

#include <cstring>
#include <span>

#include "base/random.h"

namespace bridle {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_dash_position(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

Uuid Uuid::random(Random& random) {
  Uuid uuid;
  random.fill(uuid.bytes);
  uuid.bytes[6] = static_cast<uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);
  uuid.bytes[8] = static_cast<uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  const auto bad = [&] {
    return Error(Code::invalid, "not a uuid: expected 8-4-4-4-12 hexadecimal digits");
  };
  if (text.size() != 36) return bad();
  Uuid uuid;
  size_t nibble = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_dash_position(i)) {
      if (text[i] != '-') return bad();
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return bad();
    uuid.bytes[nibble / 2] = static_cast<uint8_t>(uuid.bytes[nibble / 2] << 4 | value);
    ++nibble;
  }
  return uuid;
}

std::string Uuid::text() const {
  std::string out;
  out.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::string MachineId::text() const { return uuid.text() + "/" + std::to_string(generation); }

}  // namespace bridle

size_t std::hash<bridle::Uuid>::operator()(const bridle::Uuid& uuid) const noexcept {
  uint64_t half;
  std::memcpy(&half, uuid.bytes.data(), sizeof half);
  return half;
}
