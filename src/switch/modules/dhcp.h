// dhcp: gives guests the IPv4 address that the registry has for them (RFC 2131), and lets no guest
// play the server.
//
// Guard (Group::guard_dhcp): what a guest sends as a server does, from port 67 or 547 or to port 68
// or 546, is rogue_dhcp. So is what a relay in a guest sends.
//
// Server (Dhcp::serve): a message to port 67 never leaves the switch. The lease is that of the
// registry whose MAC is the message's and one of the port's: there is nothing to remember, nothing
// to run out of, and every switch of the group gives the same answer.
//   DISCOVER          OFFER
//   REQUEST           ACK if it asks for that address, NAK if for another; a request to another
//                     server is no_answer
//   INFORM            ACK without an address or times
//   RELEASE, DECLINE  taken note of by nobody: the address stays the guest's
// No lease, another's MAC, or relayed (RFC 3046): no_answer. Not a message: bad_dhcp.
//
// What it tells: mask, router (gateway4), DNS servers (Dhcp::name_servers; none, and Group::dns:
// the switch), host name, domain, MTU, lease time. It speaks as the gateway or, without one, as the
// switch's own address (modules/services.h), which arp_nd answers for, so that renewals reach it.
//
// Each ACK of an address is followed by a router advertisement where the group has an IPv6 prefix,
// for the default router of guests to live on (modules/arp_nd.h).
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind dhcp_module;

}  // namespace bridle::net
