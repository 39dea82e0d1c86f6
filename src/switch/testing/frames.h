// Frames for tests and benchmarks of the switch, byte by byte.
//
// Thread class: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "packet/bytes.h"
#include "packet/headers.h"

namespace bridle::net::testing {

using packet::Be16;
using packet::Be32;
using packet::IpAddress;
using packet::MacAddress;
using Bytes = std::vector<uint8_t>;

constexpr uint16_t experimental = 0x88b5;  // IEEE 802: local experiments; nobody parses it

// 52:54:00:00:00:NN, as guests of these tests have them.
constexpr MacAddress mac(uint8_t number) { return {{0x52, 0x54, 0, 0, 0, number}}; }
constexpr MacAddress group_mac(uint8_t number) { return {{0x01, 0, 0x5e, 0, 0, number}}; }
inline IpAddress ip(uint8_t number) { return IpAddress::v4(Be32::of(0x0a090000U + number)); }

inline void put16(Bytes& bytes, uint16_t number) {
  bytes.push_back(static_cast<uint8_t>(number >> 8));
  bytes.push_back(static_cast<uint8_t>(number));
}

// `size` bytes in all, as on the wire without its checksum.
inline Bytes ethernet(MacAddress to, MacAddress from, uint16_t type = experimental,
                      size_t size = 60) {
  Bytes bytes(to.bytes.begin(), to.bytes.end());
  bytes.insert(bytes.end(), from.bytes.begin(), from.bytes.end());
  put16(bytes, type);
  for (size_t i = bytes.size(); i < size; ++i) bytes.push_back(static_cast<uint8_t>(i));
  return bytes;
}

// The same with one tag more, outside of those that it has.
inline Bytes tagged(Bytes bytes, uint16_t tci, uint16_t type = packet::ether_type::vlan) {
  const uint8_t tag[] = {static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type),
                         static_cast<uint8_t>(tci >> 8), static_cast<uint8_t>(tci)};
  bytes.insert(bytes.begin() + 12, tag, tag + sizeof(tag));
  return bytes;
}

struct UdpFields {
  MacAddress to, from;
  IpAddress to_address, from_address;
  uint16_t to_port = 9, from_port = 9;
  size_t size = 60;  // of the frame; at least 42
};

// IPv4 and UDP, without UDP's checksum.
inline Bytes udp(const UdpFields& fields) {
  Bytes bytes = ethernet(fields.to, fields.from, packet::ether_type::ipv4, fields.size);
  uint8_t* at = bytes.data() + 14;
  const auto packet_size = static_cast<uint16_t>(fields.size - 14);
  at[0] = 0x45, at[1] = 0;
  packet::store16(at + 2, packet_size);
  packet::store32(at + 4, 0x00004000);
  at[8] = 64, at[9] = packet::protocol::udp;
  packet::store16(at + 10, 0);
  const Be32 from = fields.from_address.v4(), to = fields.to_address.v4();
  packet::store32(at + 12, from.value());
  packet::store32(at + 16, to.value());
  uint32_t sum = 0;
  for (size_t i = 0; i < 20; i += 2) sum += packet::load16(at + i);
  sum = (sum & 0xffff) + (sum >> 16);
  packet::store16(at + 10, static_cast<uint16_t>(~(sum + (sum >> 16))));
  packet::store16(at + 20, fields.from_port);
  packet::store16(at + 22, fields.to_port);
  packet::store16(at + 24, static_cast<uint16_t>(packet_size - 20));
  packet::store16(at + 26, 0);
  return bytes;
}

}  // namespace bridle::net::testing
