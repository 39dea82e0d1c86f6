// Process: the switch that is measured, from outside: its CPU time, and whether it may run.
//
// cpu_ns() is the kernel's account of all threads of the process, the part of the running time
// slice included (clock_getcpuclockid; schedstat in /proc lags by up to a tick). A process of pid 0
// is none: it uses no time and is never stopped.
//
// Thread class: values. REQUIRES: the right to signal the process.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace bridle::bench {

class Process {
 public:
  explicit Process(pid_t pid) : pid_(pid) {}
  uint64_t cpu_ns() const;  // 0 once it has ended
  void stop() const;        // SIGSTOP
  void go_on() const;       // SIGCONT

 private:
  pid_t pid_;
};

// Of the calling process.
uint64_t own_cpu_ns();

}  // namespace bridle::bench
