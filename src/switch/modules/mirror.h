// mirror: copies of what ports send and receive, to another port (Config::mirrors). On ingress
// frames are copied as they came, before anybody judged them; on egress as they leave, tags and
// all, large frames still whole. A port that several mirrors name is copied by each; a copy is not
// copied again, and a mirror's receiver is not mirrored to itself.
//
// A copy is a frame of the same cause: it is `made` for the port whose frame it shows, its cost is
// on that port's account, and when the receiver is too slow it is that port's drop mirror_full.
// What leaves by a mirror is bounded by its queue.
//
// Mirrors into files are capture.h.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind mirror_module;

}  // namespace bridle::net
