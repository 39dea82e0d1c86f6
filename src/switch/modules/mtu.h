// mtu: nothing larger leaves than the group's MTU (Group::mtu, bytes behind the Ethernet header and
// tags): drop too_big. Of a large frame that will be cut (segmentation offload) each segment
// counts. A switch has no address to send "fragmentation needed" from: who routes into a group with
// a smaller MTU says so.
//
// Mirrors' copies are let through: what the receiver cannot take the offload module finds.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind mtu_module;

}  // namespace bridle::net
