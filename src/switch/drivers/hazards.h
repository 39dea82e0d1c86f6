// Hazards: two things that a hostile other side can do to a thread of this process, and what is
// done about them, so that they end its port and nothing else.
//
//   SIGBUS  memory that a guest shares is taken back (its file truncated, its huge pages not there)
//           while vhost copies: the page is replaced by one of zeros, and the access goes on
//   SIGUSR1 an eventfd whose flags the other side changed blocks a write: the watchdog
//           (switch/process/watchdog.h) sends the signal, the write fails with EINTR
//
// Each is counted for the thread that met it. A driver compares the count before and after it
// touched the other side: another count means that this other side did it.
//
// A thread that meets more than most_repairs bus errors is not repaired any more: the process ends.
//
// Thread class: install once; hazards_met(): each thread its own.
#pragma once

#include <csignal>
#include <cstdint>

#include "base/result.h"

namespace bridle::net {

constexpr int interrupt_signal = SIGUSR1;
constexpr uint64_t most_repairs = 1 << 16;

Status install_hazard_handlers();
uint64_t hazards_met();

}  // namespace bridle::net
