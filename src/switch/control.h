// Control: what bridled (or an operator's tool) and a switch say to each other over control.sock:
// JSON lines on a unix stream socket, one request a line, one answer a line, in order. This is the
// codec for both ends, without any I/O; docs/switch-drivers.md has the protocol for people.
//
//   {"verb": "hello"}                        -> {"protocol": 1, "version", "zone", "generation",
//   "pid"}
//   {"verb": "apply", "config": {...}}       -> {"generation": 7}: that generation is in force, and
//   on disk
//   {"verb": "status"}                       -> SwitchStatus
//   {"verb": "trace", "port": 3, "frame": "ffff…"}        -> {"steps": [...], "outputs": [...],
//   "drops"}
//   {"verb": "capture", "ports": [3], "snap": 256, "frames": 1000, "bytes": N, "seconds": S}
//        with one descriptor beside the line (SCM_RIGHTS), to which a pcapng stream is written.
//                                            -> {"frames", "bytes", "missed"} when it has ended
//   {"verb": "stop"}                         -> {}, then the switch ends
//
// An answer to what failed is {"error": {"code": "refused", "message": "..."}}. A request may have
// an "id" (a number); its answer repeats it. A line has at most largest_control_line bytes.
//
// Both ends distrust each other: unknown members are ignored by the reader of an answer and refused
// by the reader of a request.
//
// Thread class: values, pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "switch/config.h"
#include "switch/counters.h"
#include "switch/driver.h"
#include "switch/trace.h"

namespace bridle::net {

constexpr size_t largest_control_line = 32 << 20;
constexpr unsigned control_protocol = 1;

enum class ControlVerb : uint8_t { hello, apply, status, trace, capture, stop };

struct CaptureWish {
  std::vector<uint32_t> ports;  // empty: all
  uint32_t snap = 65'535;       // bytes of each frame
  uint64_t frames = 10'000;     // it ends after so many,
  uint64_t bytes = 64 << 20;    // or so many bytes written,
  uint32_t seconds = 60;        // or so long; 3600 at most
  bool operator==(const CaptureWish&) const = default;
};

struct ControlRequest {
  ControlVerb verb = ControlVerb::hello;
  std::optional<int64_t> id;
  Config config;               // apply
  CaptureWish capture;         // capture
  uint32_t port = 0;           // trace
  std::vector<uint8_t> frame;  // trace
};

Result<ControlRequest> control_request_from(std::string_view line);
std::string to_line(const ControlRequest& request);  // ends in "\n"

// Answers.
std::string answer_line(json::object body, std::optional<int64_t> id);
std::string error_line(const Error& error, std::optional<int64_t> id);
// The body, or the error that it carries.
Result<json::object> control_answer_from(std::string_view line);

enum class PortState : uint8_t {
  connected,      // frames flow
  waiting,        // its other side is not there yet, or not any more
  no_descriptor,  // the jail has handed over none
  link_down,      // configured to be down
  failed,         // its driver could not be made: `why`
};
std::string_view name(PortState state);
std::optional<PortState> port_state_from(std::string_view name);

struct PortStatus {
  uint32_t id = 0;
  std::string name, driver;
  PortState state = PortState::waiting;
  std::string why;  // what to know beside the state; may be empty
  PortTotals totals;
  DriverCounters counters;
  uint32_t learned = 0;
};

struct WorkerStatus {
  uint64_t turns = 0, sleeps = 0;
  uint64_t busy_ns = 0;  // CPU time of its thread
  uint64_t interrupted = 0;
  uint64_t frames_free = 0, frames_total = 0;  // of its pool
};

struct SwitchStatus {
  std::string zone, version;
  uint64_t generation = 0;
  uint32_t pid = 0;
  uint64_t cycles_per_second = 0;
  std::vector<PortStatus> ports;
  PortTotals nobody;
  std::string conservation;  // empty: received = sent + drops, in every book
  std::vector<WorkerStatus> workers;
};

json::object to_json(const SwitchStatus& status);
Result<SwitchStatus> switch_status_from(const json::object& body);

json::object to_json(const TraceReport& report);

}  // namespace bridle::net
