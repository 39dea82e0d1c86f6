// count: frames by the kind of their destination address (one, group, all), as RFC 2863 counts
// them, of what came in and passed the guards, and of what leaves. Frames and bytes as such are
// counted by the switch itself, whatever modules there are.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind count_module;

}  // namespace bridle::net
