// The packet rules of NAT networks (docs/network-nat.md), as text for nft(8). Pure: every word of
// it is fixed or made from a number that validate.h has accepted.
//
// A network's namespace has a TAP ("tap0", the guests' gateway) and one end of a link to the host
// ("up0"); the link's number gives both ends their addresses: 169.254.0.0/16 cut into /30s, and
// below fdb7:1d1e:ROOT::/64 into /126s. Guests' addresses are masqueraded twice, so that two
// networks, or two roots, may use the same.
//
// Each text replaces its whole table in one transaction: nothing is ever half there, and what is
// connected stays connected (the kernel remembers translations by connection).
//
// Thread class: pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "jail/port_order.h"

namespace bridle::jail {

// Numbers of links: not in the first and last 256 addresses (RFC 3927), nor in 169.254.169.0/24 and
// 170.0/24, where clouds keep their metadata services.
constexpr uint32_t first_link = 64, last_link = 16319;
bool is_link_number(uint32_t number);

struct LinkAddresses {
  std::array<uint8_t, 4> host4, space4;
  std::array<uint8_t, 16> host6, space6;
};
constexpr uint8_t link_prefix4 = 30, link_prefix6 = 126;
// `root`: a number that tells roots apart.
LinkAddresses link_addresses(uint32_t number, uint32_t root);
std::string link_name(uint32_t number);  // the host's end: "brl-0040"

struct NatNetwork {
  PortOrder order{};
  uint32_t link = 0;
  bool has6 = false;  // the host forwards IPv6
  std::vector<NatForward> forwards;
};

// Table "bridle" of a network's namespace.
std::string space_rules(const NatNetwork& network, uint32_t root);
// Table `table` of the host, for all networks of a root that have a link; none: it is removed.
std::string host_rules(const std::string& table, std::span<const NatNetwork> networks,
                       uint32_t root);

}  // namespace bridle::jail
