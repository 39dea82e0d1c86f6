// policy: the place of what decides by rules and connections, on ingress (between the guards and
// forwarding) and on egress. The switch knows only this seam: a program judges a batch like any
// module does. Without a program the module is in no port's way.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

class PolicyProgram {
 public:
  virtual ~PolicyProgram() = default;
  // Any worker, at the same time as others.
  virtual void judge(Batch& batch, Context& context) const = 0;
};

extern const ModuleKind policy_module;

}  // namespace bridle::net
