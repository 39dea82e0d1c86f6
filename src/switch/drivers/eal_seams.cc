#include "switch/drivers/eal_seams.h"

#include <cerrno>
#include <cstring>
#include <ctime>

namespace {
thread_local bool starting = false;
}

namespace bridle::net {
EalStarting::EalStarting() { starting = true; }
EalStarting::~EalStarting() { starting = false; }
}  // namespace bridle::net

// Names that the linker gives.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
int __real_access(const char* path, int mode);
int __real_nanosleep(const timespec* duration, timespec* rest);

int __wrap_access(const char* path, int mode) {
  constexpr char system[] = "/sys/devices/system/";
  if (!starting || std::strncmp(path, system, sizeof system - 1) != 0)
    return __real_access(path, mode);
  if (std::strcmp(path + sizeof system - 1, "cpu/cpu0/topology/core_id") == 0) return 0;
  errno = ENOENT;
  return -1;
}

int __wrap_nanosleep(const timespec* duration, timespec* rest) {
  constexpr timespec short_sleep{0, 10'000'000};
  const bool shorten =
      starting && (duration->tv_sec > 0 || duration->tv_nsec > short_sleep.tv_nsec);
  return __real_nanosleep(shorten ? &short_sleep : duration, rest);
}
}
// NOLINTEND(bugprone-reserved-identifier)
