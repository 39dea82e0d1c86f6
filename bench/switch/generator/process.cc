#include "process.h"

#include <signal.h>
#include <time.h>

namespace bridle::bench {
namespace {

uint64_t read_ns(clockid_t clock) {
  timespec now{};
  if (clock_gettime(clock, &now) != 0) return 0;
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t Process::cpu_ns() const {
  clockid_t clock;
  if (pid_ == 0 || clock_getcpuclockid(pid_, &clock) != 0) return 0;
  return read_ns(clock);
}

void Process::stop() const {
  if (pid_ != 0) kill(pid_, SIGSTOP);
}

void Process::go_on() const {
  if (pid_ != 0) kill(pid_, SIGCONT);
}

uint64_t own_cpu_ns() { return read_ns(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace bridle::bench
