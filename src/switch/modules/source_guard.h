// source_guard: a guest sends only from addresses that it has (Group::guard_sources).
//
//   what it has     the registry's for its MACs, Port::addresses, and the IPv6 addresses derived
//                   from its MACs (modules/services.h)
//   without one     0.0.0.0 for DHCP (port 68 to 67) and IGMP; :: for duplicate address detection,
//                   router solicitations (RFC 4861, 4862) and MLD (RFC 3810, 5.2.13)
//
// All else that is IPv4 or IPv6 is spoofed_ipv4, spoofed_ipv6: temporary addresses (RFC 8981),
// stable-privacy ones (RFC 7217) and IPv4 link-local ones, too, unless Port::addresses has them.
// Fragments are judged like all packets; ARP and neighbour discovery are arp_nd's. It looks behind
// VLAN tags, too: those of a guest that tags for itself.
//
// What comes from elsewhere than a guest is not judged.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind source_guard_module;

}  // namespace bridle::net
