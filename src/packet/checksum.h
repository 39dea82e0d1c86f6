// Checksum: the Internet checksum (RFC 1071) over bytes that come in parts of any size, and its
// change when a field changes (RFC 1624).
//
//   Checksum sum = pseudo_header(from, to, protocol::tcp, size);
//   for (part : parts) sum.add(part);
//   store16(&tcp[16], sum.value());          // UDP: sum.udp_value()
//
// A packet is right when the sum over all of it, with its checksum, is_right().
//
// Thread class: values; pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "packet/address.h"

namespace bridle::packet {

class Checksum {
 public:
  // Parts continue each other: one may begin in the middle of a 16-bit word.
  void add(std::span<const uint8_t> part);
  void add16(uint16_t number);  // REQUIRES: what was added before was an even number of bytes
  // The checksum, as a number: store16() puts it into a header.
  uint16_t value() const { return static_cast<uint16_t>(~folded()); }
  // In UDP zero says "there is none": ones say the same number (RFC 768).
  uint16_t udp_value() const { return value() == 0 ? 0xffff : value(); }
  bool is_right() const { return value() == 0; }

 private:
  uint16_t folded() const;

  uint64_t sum_ = 0;  // of words as they lie in memory: swapped at the end
  bool odd_ = false;
};

inline uint16_t checksum(std::span<const uint8_t> bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

// What TCP, UDP and ICMPv6 sum up before their own bytes (RFC 9293, 768, 8200 section 8.1). `size`
// is that of the transport header and its payload.
Checksum pseudo_header(const IpAddress& from, const IpAddress& to, uint8_t protocol, uint32_t size);

// The checksum after a field that it covers changed (RFC 1624, equation 3). Of the same even size.
uint16_t updated(uint16_t checksum, std::span<const uint8_t> before,
                 std::span<const uint8_t> after);
uint16_t updated(uint16_t checksum, uint16_t before, uint16_t after);

}  // namespace bridle::packet
