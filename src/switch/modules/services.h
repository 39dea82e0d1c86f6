// Services: what the switch itself is to the guests of a group, computed once for a snapshot and
// shared by the modules that answer or guard (arp_nd, dhcp, dns, source_guard).
//
//   gateway   Group::gateway_mac with gateway4, gateway6, and its link-local address: what the
//             switch says it says in its name
//   none      the switch speaks as a host of its own: 02:62:72:NN:NN:NN (locally administered;
//             NN: the group's number), the first address of the prefix that nobody has, and the
//             link-local address of that MAC
//
// Neighbours knows who has an address, and who may say that he has:
//
//   the registry's            Lease::address at Lease::mac
//   a port's                  Port::addresses, with its first MAC
//   derived                   the link-local address of every MAC of a guest, and the one under the
//                             group's IPv6 prefix (64 bits): modified EUI-64 (RFC 4291), which is
//                             what Linux guests make of a router's advertisement if not told
//                             otherwise. The MAC is pinned, so these stay
//   the gateway's, the switch's
//
// What several ports have (VRRP) is `shared`: nobody is asked but they. What is `firm` (all but
// Port::addresses) may be claimed from outside by nobody else.
//
// Thread class: immutable.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "switch/module.h"
#include "switch/table.h"

namespace bridle::net {

struct Services {
  bool answer = false, serve = false, dns = false;
  bool guard_sources = false, guard_dhcp = false, guard_ra = false;
  bool gateway = false;       // there is one; else the switch is only a server
  MacAddress mac;             // in whose name the switch speaks
  IpAddress address4;         // the same; unspecified: the group has no IPv4
  IpAddress address6;         // link-local
  IpAddress name_server6;     // for guests: the gateway's or address6
  IpPrefix prefix4, prefix6;  // length 0: none
};

// In the order of the snapshot's groups.
std::vector<Services> services_of(const Snapshot& snapshot);

// Has any group of the port what `flag` says? (Trunk ports take part in several.)
bool any_service(const Snapshot& snapshot, PortIndex port, bool Group::*flag);

struct Neighbour {
  MacAddress mac;
  PortIndex port = no_port;  // no_port: in another zone, outside, or the switch itself
  bool shared = false, router = false, ourselves = false, firm = false;
};

struct PortAddress {
  PortIndex port = no_port;
  IpAddress address;
  bool operator==(const PortAddress&) const = default;
};
inline uint64_t table_hash(const PortAddress& key) {
  return table_hash(OwnerKey{key.port, key.address});
}

class Neighbours {
 public:
  Neighbours(const Snapshot& snapshot, const std::vector<Services>& services);

  // Null: nobody known.
  const Neighbour* find(GroupIndex group, const IpAddress& address) const {
    return known_.find({group, address});
  }
  // May the port's guest send from it? The first two are looked at without a table: most have no
  // more that they use often.
  bool may_use(PortIndex port, const IpAddress& address) const {
    const auto& first = first_[port];
    if (address == first[0] || address == first[1]) [[likely]]
      return true;
    return usable_.find({port, address}) != nullptr;
  }

 private:
  struct Draft;

  FlatTable<OwnerKey, Neighbour> known_;
  FlatTable<PortAddress, uint8_t> usable_;
  std::vector<std::array<IpAddress, 2>> first_;  // by port: an IPv4 and an IPv6 address
};

}  // namespace bridle::net
