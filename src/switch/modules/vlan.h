// vlan: which VLAN, and so which group, a frame is of (IEEE 802.1Q). Inside the switch no frame but
// a tagging guest's carries a tag: the identifier is beside it (Frame::group, Frame::vlan).
//
//   access  untagged to and from guests; tagged with the identifier to and from uplinks (untagged
//           when it is 0). A guest's tag is refused (vlan_tagged), but for priority tags
//           (identifier 0), which are taken off
//   trunk   tagged with an identifier that the port carries (else vlan_not_allowed): the group that
//           has it as access identifier, or the port's own group. Untagged is the native one
//           (none: vlan_untagged)
//   guest   tags are payload: they go through as they are, inside the group
//
// Hopping: a frame with two tags is refused wherever tags mean something to the switch
// (vlan_double_tag): nobody's inner tag ever becomes an outer one. A group of tagging guests is not
// carried by trunks of the switch, so that their tags reach no other group.
//
// Ingress takes tags off, egress filters and puts them on. Tags that are put on have priority 0.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind vlan_module;

}  // namespace bridle::net
