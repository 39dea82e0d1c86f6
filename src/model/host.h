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

// The API over the network (docs/network.md).
struct HostApi {
  std::vector<std::string> listen;  // "192.0.2.1:7443"; empty: on the unix socket only
  std::vector<std::string> names;   // further names and addresses in the certificate
  uint64_t requests_per_second = 1000;
  uint64_t connections_per_peer = 256;
  bool operator==(const HostApi&) const = default;
};

struct HostSpec {
  HostGuests guests = HostGuests::run;
  HostAmounts reserved;  // kept for the host itself: machines cannot reserve it
  HostApi api = {};
};

struct HostApiStatus {
  std::vector<std::string> listening;
  std::string fingerprint;          // of the authority, as clients are shown it
  std::optional<WallTime> expires;  // the host's certificate
  std::string message;              // why something that was declared is not so
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
  HostApiStatus api = {};
};

std::string_view name(HostGuests guests);
Result<HostSpec> host_spec(const json::object& spec);
json::object to_json(const HostSpec& spec);
Result<HostStatus> host_status(const json::object& status);
json::object to_json(const HostStatus& status);

}  // namespace bridle::model
