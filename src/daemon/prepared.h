// Prepared: what was opened and checked for one start of one guest: image parts whose digests are
// right, and the seed disk. Files are handed to the jail as the descriptors that were checked, so
// that nothing can be put in their place between the check and the use.
//
// Thread class: a value.
#pragma once

#include <map>
#include <string>

#include "base/fd.h"
#include "base/layout.h"
#include "fleet/actions.h"
#include "machine/arguments.h"

namespace bridle::daemon {

struct Prepared {
  std::map<std::string, Fd> files;  // by the path that the launch plan names
};

// Bytes that a volume's file never exceeds, with what qcow2 adds to its content.
uint64_t largest_file(const std::string& path, uint64_t size);
// The controller's description of a start as the machine room wants it. Pure.
Result<machine::LaunchPlan> launch_plan(const Layout& layout, const fleet::Launch& launch);

}  // namespace bridle::daemon
