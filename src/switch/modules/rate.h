// rate: what a port gets, at most: a token bucket of its Rate `receive`. What comes over it is
// dropped (rate_receive); a frame begins while there is something in the bucket, so that a burst is
// at most Rate::burst_bytes and one frame.
//
// What a port sends is not limited here but where it is received: a port over its rate is not asked
// (switch/worker.h), its guest waits, and nothing is dropped.
//
// Thread class: as module.h; the bucket is under the port's lock.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind rate_module;

}  // namespace bridle::net
