// Doctor: what this host can do, and the command that fixes each failed check.
// Thread class: the loop's thread; a few system calls, no waiting.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "base/layout.h"

namespace bridle::daemon {

struct DoctorFacts {
  bool jail_up = false;
  std::string engine, engine_why;
  std::string qemu_version;  // empty: none found
  bool qemu_new_enough = false;
  bool ledger_sound = true;
  uint64_t volumes_may_grow = 0;  // bytes (daemon/volumes.h)
};

// {"checks":[{"name","ok","message","fix"}]}; fix is a command, empty where ok. What the command
// line checks too has the same name there (qemu, cgroups, disk, memory) and stands in for it.
boost::json::object examine(const Layout& layout, const DoctorFacts& facts);

}  // namespace bridle::daemon
