// link: a port that takes no part. On ingress what it sends ends here, on egress what is for it:
//
//   link_down        Port::link is false
//   unknown_machine  a guest's port without a machine
//   stale_machine    another port has the same machine in a newer generation: a copy that was
//   rolled
//                    back or restarted elsewhere may run, but does not speak (fencing)
//   into_mirror      a mirror's port sends nothing; and gets nothing but mirrors' copies
//
// All of it stands in the configuration: ports that are well never call it.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind link_module;

}  // namespace bridle::net
