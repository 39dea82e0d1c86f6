// arp_nd: ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861), inspected and answered from what
// is configured: who has an address is known (modules/services.h), so nobody need be asked, and
// nobody can claim what is another's.
//
// Inspected, of guests (Group::guard_sources):
//   ARP      the sender's MAC is the frame's source or one of the port's, the sender's address one
//            that the port has, or 0.0.0.0 (a probe, RFC 5227): else spoofed_arp
//   ND       what a host would ignore is bad_nd; an advertisement's target, and any link-layer
//            address, are the port's own: else spoofed_nd
//   hidden   neighbour discovery in a fragment (RFC 6980) is hidden_headers. What a fragment hides
//            deeper, the parser refuses: a first fragment has all headers (RFC 7112). Behind
//            extension headers it is found (RFC 7113)
//   routers  advertisements and redirects of guests are rogue_ra (Group::guard_ra, RFC 6105)
// Inspected, of uplinks and rings: who claims a registered address, the gateway's, or one derived
// from a guest's MAC, with another MAC: spoofed_arp, spoofed_nd.
//
// Answered (Group::answer_arp), to guests and to the gateway, and to uplinks and rings only for
// guests of this switch: requests and solicitations that ask everybody for an address whose MAC is
// known. So duplicate address detection finds who has the address also while he is off; asking for
// one's own address is quietly consumed. What a guest announces of itself (gratuitous ARP,
// unsolicited advertisements) goes on to the others; so does a question for an address of several
// ports (VRRP), one that nobody is known to have, and one to a single neighbour, whom it asks
// whether he is there.
//
// Router solicitations are answered where the switch serves addresses (Dhcp::serve) and the group
// has an IPv6 prefix: an advertisement with the prefix (autonomous: guests make their address of
// their MAC), MTU, DNS servers and domain, managed and other flags off (there is no DHCPv6), a
// default router only where there is a gateway with IPv6. Prefixes last for ever, the router 65,535
// seconds: modules/dhcp.h refreshes it with each renewed lease.
//
// Frames that a guest tagged for itself are inspected, never answered.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind arp_nd_module;

}  // namespace bridle::net
