// A question to a plane: what would become of this frame? It passes through the modules that
// traffic passes through, with a pool and counters of its own, and reaches no driver. Internal to
// the switch (trace.h is for others).
//
// Thread class: pure; the plane is only read.
#pragma once

#include "switch/plane.h"
#include "switch/trace.h"

namespace bridle::net {

Result<TraceReport> ask(const Plane& plane, PortIndex port, std::span<const uint8_t> frame);

}  // namespace bridle::net
