// Addresses and byte order as types: what is in network order cannot be mistaken for a number.
//
//   Be16, Be32      two and four bytes as they stand on the wire; value() is the host's number
//   MacAddress      48 bits; unicast, multicast and broadcast are asked, not guessed
//   IpAddress       IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2): one type, one width
//   IpPrefix        an address and how many of its 128 bits count
//
// Thread class: values. No I/O.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::packet {

struct Be16 {
  std::array<uint8_t, 2> bytes{};
  static constexpr Be16 of(uint16_t value) {
    return {{static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)}};
  }
  constexpr uint16_t value() const { return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]); }
  bool operator==(const Be16&) const = default;
};

struct Be32 {
  std::array<uint8_t, 4> bytes{};
  static constexpr Be32 of(uint32_t value) {
    return {{static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
             static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)}};
  }
  constexpr uint32_t value() const {
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
  }
  bool operator==(const Be32&) const = default;
};

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  static constexpr MacAddress broadcast() { return {{255, 255, 255, 255, 255, 255}}; }
  // "52:54:00:12:34:56", either case.
  static Result<MacAddress> parse(std::string_view text);
  std::string text() const;
  bool is_multicast() const { return (bytes[0] & 1) != 0; }  // broadcast too
  bool is_broadcast() const { return *this == broadcast(); }
  bool is_zero() const { return *this == MacAddress{}; }
  // The 48 bits as a number, for tables.
  uint64_t key() const {
    // Two loads: six bytes copied at once would be stored in two pieces and read back as one.
    uint32_t low;
    uint16_t high;
    std::memcpy(&low, bytes.data(), sizeof(low));
    std::memcpy(&high, bytes.data() + sizeof(low), sizeof(high));
    return uint64_t{high} << 32 | low;
  }
  auto operator<=>(const MacAddress&) const = default;
};

struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  static IpAddress v4(Be32 address) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, address.bytes[0], address.bytes[1],
             address.bytes[2], address.bytes[3]}};
  }
  static IpAddress v6(const uint8_t (&address)[16]) {
    IpAddress copy;
    std::memcpy(copy.bytes.data(), address, sizeof(address));
    return copy;
  }
  // Dotted or RFC 4291 text; no zone, no port.
  static Result<IpAddress> parse(std::string_view text);
  std::string text() const;  // IPv4 dotted, IPv6 as RFC 5952
  bool is_v4() const {
    static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    return std::memcmp(bytes.data(), mapped, sizeof(mapped)) == 0;
  }
  Be32 v4() const { return {{bytes[12], bytes[13], bytes[14], bytes[15]}}; }  // REQUIRES: is_v4()
  bool is_multicast() const;
  bool is_unspecified() const;  // 0.0.0.0 or ::
  bool is_link_local() const;   // 169.254/16, fe80::/10
  auto operator<=>(const IpAddress&) const = default;
};

struct IpPrefix {
  IpAddress address;
  uint8_t length = 0;  // of 128: an IPv4 prefix /24 is kept as 120

  // "10.9.0.0/24", "fd00::/64"; refused if the address has bits behind the length.
  static Result<IpPrefix> parse(std::string_view text);
  std::string text() const;
  bool contains(const IpAddress& address) const;
  bool operator==(const IpPrefix&) const = default;
};

}  // namespace bridle::packet
