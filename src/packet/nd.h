// Neighbour discovery (RFC 4861): solicitations, advertisements, router advertisements and
// redirects; read as a switch that guards its guests must read them, and written as one that
// answers in their name.
//
// Reading is strict: a message that a host would have to ignore (RFC 4861 sections 6.1, 7.1, 8.1:
// hop limit 255, code 0, lengths, options of no size) is none. So is one with two link-layer
// options, of which a guard and a guest might believe a different one. The checksum is left to the
// receiver: what it would throw away harms nobody.
//
// Thread class: pure functions; nothing is allocated.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "packet/headers.h"

namespace bridle::packet {

enum class NdType : uint8_t {
  router_solicitation = 133,
  router_advertisement = 134,
  neighbor_solicitation = 135,
  neighbor_advertisement = 136,
  redirect = 137,
};

// By protocol and type alone, whatever else the packet is.
inline bool is_nd(const Headers& h) {
  return h.network == Network::ipv6 && h.protocol == protocol::icmpv6 && h.transport_offset != 0 &&
         h.source_port >= 133 && h.source_port <= 137;
}

struct NdMessage {
  NdType type = NdType::router_solicitation;
  IpAddress target;                                           // of neighbour messages and redirects
  std::optional<MacAddress> link;                             // source or target link-layer address
  bool router = false, solicited = false, overrides = false;  // of an advertisement
};

// `frame` is what `headers` was read from, REQUIRES: is_nd(headers).
std::optional<NdMessage> parse_nd(const Headers& headers, std::span<const uint8_t> frame);

// ff02::1:ffXX:XXXX (RFC 4291, 2.7.1) and 33:33:... (RFC 2464, 7).
IpAddress solicited_node(const IpAddress& address);
MacAddress multicast_mac(const IpAddress& group);  // IPv4 (RFC 1112, 6.4) or IPv6
IpAddress all_nodes();                             // ff02::1
IpAddress all_routers();                           // ff02::2
// The modified EUI-64 address of a MAC address under a prefix of 64 bits (RFC 4291, appendix A).
IpAddress eui64(const IpAddress& prefix, MacAddress mac);
IpAddress link_local(MacAddress mac);  // eui64() under fe80::/64

// Who a message goes to, and in whose name.
struct NdEnvelope {
  MacAddress to_mac, from_mac;
  IpAddress to, from;
};

struct NeighborAdvertisement {
  IpAddress target;
  MacAddress link;
  bool router = false, solicited = false, overrides = true;
};

struct RouterAdvertisement {
  uint16_t lifetime = 1800;             // seconds; 0: not a default router
  bool managed = false, other = false;  // addresses, or the rest, by DHCPv6
  MacAddress link;
  uint32_t mtu = 0;                             // 0: not said
  IpPrefix prefix;                              // on link and autonomous; length 0: none
  uint32_t valid = 86'400, preferred = 14'400;  // seconds, of the prefix
  std::span<const IpAddress> name_servers;      // RFC 8106; the first three
  std::string_view domain;                      // RFC 8106; empty: none
};

// The size of the frame; 0: `into` is too small.
size_t build_solicitation(std::span<uint8_t> into, const NdEnvelope& envelope,
                          const IpAddress& target);
size_t build_router_solicitation(std::span<uint8_t> into, const NdEnvelope& envelope);
size_t build_advertisement(std::span<uint8_t> into, const NdEnvelope& envelope,
                           const NeighborAdvertisement& what);
size_t build_router_advertisement(std::span<uint8_t> into, const NdEnvelope& envelope,
                                  const RouterAdvertisement& what);

}  // namespace bridle::packet
