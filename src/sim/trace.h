// Words for events and actions, for `bridle-sim --trace` and for comparing two runs. Everything
// that decides is in them; secrets are not.
#pragma once

#include <string>

#include "fleet/actions.h"
#include "fleet/events.h"

namespace bridle::sim {

std::string trace_time(Tick now);  // "   12.345678901 "
std::string describe(const fleet::Event& event);
std::string describe(const fleet::Action& action);

}  // namespace bridle::sim
