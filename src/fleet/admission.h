// Admission: what may run on this host. Reservations of CPU and memory are set aside for every
// machine that is on (or on its way up, or between two restarts); a machine whose reservation does
// not fit is refused with the numbers: what is asked, what is free, who holds the rest (of other
// projects the sum alone, for names are not given away).
//
//   CPU     reservation in thousandths of a core, of the host's cores
//   memory  reservation + overhead of QEMU, of the host's memory less what the host keeps
//
// A machine without a reservation still sets its overhead aside. Limits and shares bind at run
// time (cgroups); they need no room here.
//
// Thread class: pure functions over values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/actions.h"
#include "fleet/events.h"
#include "model/image.h"
#include "model/machine.h"

namespace bridle::fleet {

struct Holding {
  std::string ref;      // "machine/lab/web"
  uint64_t cpu = 0;     // thousandths of a core
  uint64_t memory = 0;  // bytes
};

// What a machine of this spec sets aside.
Holding holding_of(std::string ref, const model::MachineSpec& spec, const HostFacts& host);

// Rules that need no look at others: limit >= reservation, no reservation beyond the guest's own
// size or the whole host. Code::refused.
Status check_shape(const model::MachineSpec& spec, const HostFacts& host);

// Is the guest's memory enough for this image ("image/lab/tiny")? Code::refused.
Status check_image(const model::MachineSpec& spec, const std::string& image,
                   const model::ImageStatus& status);

// Does `wanted` fit beside `held` (which does not contain it)? Code::refused with numbers.
Status admit(const Holding& wanted, const std::vector<Holding>& held, const HostFacts& host);

// The lowest guest slot that is not in `used` (ascending). Code::exhausted.
Result<uint32_t> free_slot(const std::vector<uint32_t>& used, const HostFacts& host);

// The jail's cgroup values.
Limits limits_of(const model::MachineSpec& spec);

}  // namespace bridle::fleet
