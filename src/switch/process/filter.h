// The system calls that bridle-switch may make once it is set up: a table with reasons, turned into
// a BPF program for all its threads. Anything else ends the process; the jail starts another.
//
// It opens no network socket, starts no program and no thread, maps nothing executable, and reaches
// files only where the jail lets it see any.
//
// Thread class: one thread.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "base/result.h"

namespace bridle::net {

// The program itself, pure: for tests.
std::vector<sock_filter> switch_filter();
// No core dumps, no new privileges, the filter (which a sanitizer cannot live with: without it
// there). REQUIRES: all threads run.
Status confine_process();

}  // namespace bridle::net
