// Window: a stretch of time in which one switch runs and all flows offer what its rings take.
//
// The switch is let go on, warmed for a while, measured, and stopped again, so that others that run
// between the same ports of theirs are measured in turn, each beside the other.
//
// Thread class: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "process.h"

namespace bridle::bench {

class Flow;
class Port;

struct Stretch {
  Process process{0};
  bool stops = true;  // the switch is stopped before and after
  uint64_t warm_us = 20'000, measured_us = 300'000;
};

struct Traffic {
  std::vector<Flow*> flows;
  std::vector<Port*> ports;  // that receive: all are drained, each counted
};

struct Seen {
  uint64_t wall_ns = 0;
  uint64_t cpu_ns = 0;         // of the switch, all its threads
  uint64_t own_ns = 0;         // of the generator: less than wall_ns if others took its core
  std::vector<uint64_t> sent;  // by flow: frames the ring took
  std::vector<uint64_t> full;  // by flow: offers it did not take whole; 0: the switch was starved
  std::vector<uint64_t> received;  // by port
};

Seen measure(const Stretch& stretch, const Traffic& traffic);
std::string to_json(const Seen& seen);

}  // namespace bridle::bench
