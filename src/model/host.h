// Host: a Linux host that runs machines. Typed views of its spec and status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/object.h"

namespace bridle::model {

struct HostAmounts {
  uint64_t cpus = 0;    // thousandths of a core
  uint64_t memory = 0;  // bytes
};

// What happens to the machines of the host.
enum class HostGuests {
  run,       // those that are wanted on run
  drain,     // they are stopped, highest order first, and stay off until this is `run` again
  shutdown,  // the same, until Bridle is started anew
};

struct HostSpec {
  HostGuests guests = HostGuests::run;
  HostAmounts reserved;  // kept for the host itself: machines cannot reserve it
};

struct HostStatus {
  HostAmounts capacity;                   // what the host has
  HostAmounts allocated;                  // what machines have reserved
  std::string engine;                     // "kvm" or "tcg"
  std::string engine_reason;              // why, in a sentence
  std::string qemu_version;               // "10.0.8"
  std::string kernel;                     // release, "6.1.0-40-amd64"
  uint32_t cgroup_version = 0;            // 1 or 2; 0: not looked at yet
  std::vector<std::string> cgroup_notes;  // what this version cannot promise, a sentence each
  uint32_t machines = 0;                  // placed here
  uint32_t running = 0;                   // of these, with a QEMU process
  std::string guests;                     // what is being done with them, as spec.guests
  std::string start;                      // names this start of Bridle on the host
  std::optional<WallTime> seen;           // last
};

std::string_view name(HostGuests guests);
Result<HostSpec> host_spec(const json::object& spec);
json::object to_json(const HostSpec& spec);
Result<HostStatus> host_status(const json::object& status);
json::object to_json(const HostStatus& status);

}  // namespace bridle::model
