// dns: answers names of the registry (Group::dns), asked of the gateway or, without one, of the
// switch's own address (modules/services.h), by UDP to port 53.
//
//   "web", "web.lab.internal"   A and AAAA: the lease's addresses; without an IPv6 lease the one
//                               that the guest makes of its MAC under the group's prefix. Another
//                               type: the name exists and has none
//   reverse names               PTR of the group's addresses
//   no such name                under Dhcp::domain, and reverse names in the group's prefixes:
//                               NXDOMAIN
//
// All else passes on to the gateway, which asks the world; without a gateway it is NXDOMAIN. What
// is a query and breaks the format is bad_dns; TCP and fragments pass on.
//
// Answers may be remembered for a minute. They say nothing of other groups.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind dns_module;

}  // namespace bridle::net
