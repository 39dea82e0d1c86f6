// The system calls that an attendant may make after it has set itself up: a table with reasons,
// turned into a BPF program. Any other call kills the attendant; the jail starts another and the
// guest runs on.
//
// Thread class: free functions; one thread.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "base/result.h"

namespace bridle::jail {

// The program itself, pure: for tests.
std::vector<sock_filter> attendant_filter();
// REQUIRES: no_new_privs.
Status confine_attendant();

}  // namespace bridle::jail
