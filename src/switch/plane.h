// Plane: what workers read through one pointer: a snapshot, its graph, and beside them what lives
// longer than snapshots (states of ports, live addresses) or changes without them (drivers, teams,
// who listens). Control builds a new one for every change and publishes it (switch/publication.h).
//
//   PortState  one for each id that is configured: counters, rates, what it owes
//
// Thread class: immutable, but for what its parts say of themselves.
#pragma once

#include <memory>
#include <vector>

#include "switch/announcements.h"
#include "switch/capture.h"
#include "switch/counters.h"
#include "switch/driver.h"
#include "switch/graph.h"
#include "switch/live_addresses.h"
#include "switch/modules/policy.h"
#include "switch/snapshot.h"
#include "switch/teams.h"
#include "switch/token_bucket.h"

namespace bridle::net {

struct PortState {
  PortState(uint32_t port, size_t workers)
      : id(port), counters(std::make_unique<PortCounters[]>(workers)) {}

  const uint32_t id;
  std::unique_ptr<PortCounters[]> counters;  // a worker each
  std::unique_ptr<Driver> driver;            // control's; workers see it through a plane
  SpinLock sending;                          // guards the driver's send(), or `receive_rate`
  TokenBucket receive_rate;
  // Of the worker that owns the port.
  TokenBucket send_rate;
  int64_t credit = 0;    // cycles that it may still cost
  uint32_t quiet = 0;    // times in a row that it had nothing
  uint32_t largest = 0;  // bytes of its largest frame lately
};

class Plane {
 public:
  struct Parts {
    std::shared_ptr<const Snapshot> snapshot;
    std::shared_ptr<const Graph> graph;
    std::shared_ptr<LiveAddresses> addresses;
    std::vector<std::shared_ptr<PortState>> ports;  // in the snapshot's order; the last is nobody's
    std::vector<Driver*> drivers;                   // null: none
    std::shared_ptr<const Teams> teams;
    std::shared_ptr<CaptureTap> tap;
    std::shared_ptr<const PolicyProgram> policy;
    std::vector<std::shared_ptr<Announcements>> announcements;
    uint64_t version = 0;
    size_t workers = 1;
  };
  explicit Plane(Parts parts) : parts_(std::move(parts)) {}

  const Snapshot& snapshot() const { return *parts_.snapshot; }
  const Graph& graph() const { return *parts_.graph; }
  LiveAddresses& addresses() const { return *parts_.addresses; }
  const Teams& teams() const { return *parts_.teams; }
  CaptureTap* tap() const { return parts_.tap.get(); }
  const PolicyProgram* policy() const { return parts_.policy.get(); }
  uint64_t version() const { return parts_.version; }
  const Parts& parts() const { return parts_; }

  // `no_port`: the switch itself.
  PortState& port(PortIndex index) const {
    return *parts_.ports[index == no_port ? parts_.ports.size() - 1 : index];
  }
  PortCounters& counters(PortIndex index, size_t worker) const {
    return port(index).counters[worker];
  }
  Driver* driver(PortIndex index) const { return parts_.drivers[index]; }
  size_t owner(PortIndex index) const { return port(index).id % parts_.workers; }

 private:
  Parts parts_;
};

}  // namespace bridle::net
