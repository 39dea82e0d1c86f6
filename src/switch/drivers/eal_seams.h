// What DPDK's EAL asks of the host while it starts, answered here instead (the linker's --wrap):
//
//   access("/sys/devices/system/...")   yes for the first core, no for other cores and for nodes:
//   it
//              needs no /sys, and is to know of one core, for the threads of this process are not
//              its
//   nanosleep  at most 10 ms: it would sleep for 100 ms to learn how fast the TSC runs, and every
//   start
//              of a switch is a gap for its guests
//
// Both only on the thread that says so, only while it says so.
//
// Thread class: one thread at a time.
#pragma once

namespace bridle::net {

class EalStarting {
 public:
  EalStarting();
  ~EalStarting();
  EalStarting(const EalStarting&) = delete;
  EalStarting& operator=(const EalStarting&) = delete;
};

}  // namespace bridle::net
