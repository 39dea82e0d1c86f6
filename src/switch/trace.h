// Trace: what the switch would do with a frame, step by step, found by the modules that do it: the
// same code runs, on a frame that is nobody's. For `bridle net trace` and for tests.
//
// Thread class: trace() is a pure function of the snapshot (and of what ports learned).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "switch/drop.h"
#include "switch/frame.h"

namespace bridle::net {

class Snapshot;

struct TraceStep {
  std::string port;  // the port's name
  bool egress = false;
  std::string module;   // "security"; "parse" for the headers, "send" at the end
  std::string verdict;  // "keep", "drop forged_source", "consume", "to web/net0", "answer"
  std::string why;      // for people; may be empty
};

struct TraceOutput {
  uint32_t port = 0;  // id
  std::vector<uint8_t> bytes;
};

struct TraceReport {
  std::vector<TraceStep> steps;
  std::vector<TraceOutput> outputs;
  std::vector<Drop> drops;
};

Result<TraceReport> trace(const Snapshot& snapshot, PortIndex port, std::span<const uint8_t> frame);

}  // namespace bridle::net
