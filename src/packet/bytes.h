// Bytes: numbers out of, and into, bytes in network order, at any alignment.
//
// Thread class: pure functions. They check no bounds: the caller has.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace bridle::packet {

static_assert(std::endian::native == std::endian::little, "byte order is swapped below");

inline uint16_t load16(const uint8_t* from) {
  uint16_t number;
  std::memcpy(&number, from, sizeof(number));
  return __builtin_bswap16(number);
}

inline uint32_t load32(const uint8_t* from) {
  uint32_t number;
  std::memcpy(&number, from, sizeof(number));
  return __builtin_bswap32(number);
}

inline void store16(uint8_t* to, uint16_t number) {
  number = __builtin_bswap16(number);
  std::memcpy(to, &number, sizeof(number));
}

inline void store32(uint8_t* to, uint32_t number) {
  number = __builtin_bswap32(number);
  std::memcpy(to, &number, sizeof(number));
}

}  // namespace bridle::packet
