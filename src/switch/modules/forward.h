// forward: where a frame goes: by the configured tables of its group and by nothing else.
//
//   one address     the port that has it; with several (VRRP) the one that used it last; learned by
//                   a port of the group for itself. Unknown: the group's uplink, never from an
//                   uplink to an uplink; without uplink no_destination
//   group address   listed (Group::multicast): the ports of the list. Otherwise all members of the
//                   group (flood_multicast, and broadcasts always) but the sender
//   promiscuous     members see everything of the group beside
//
// No loops, and no protocol against them: what came in by an uplink leaves by no uplink
// (uplink_to_uplink), what came by a ring by no ring (ring_to_ring), and by an uplink only where
// the ring is `transit`. Of several uplinks the team says which one takes a frame (teams.h), and
// which one's group frames a member takes (standby_uplink). Addresses that bridges keep to
// themselves (IEEE 802.1D table 7-10: STP, LACP, LLDP, pause; Cisco's: CDP, VTP, ISL) go nowhere
// (reserved_address): the switch takes part in no such protocol and lets nobody play one through
// it.
//
// Each copy is a frame of its own: nobody shares bytes with another receiver.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind forward_module;

}  // namespace bridle::net
