// Switch::Control: the slow side of a switch. It holds the newest snapshot and what belongs to
// ports, builds planes, publishes them, and frees what no worker uses any more. Internal to the
// switch.
//
// Thread class: under Switch's lock (its callers hold `lock`).
#pragma once

#include <map>
#include <mutex>

#include "switch/switch.h"
#include "switch/worker_core.h"

namespace bridle::net {

class Switch::Control {
 public:
  explicit Control(SwitchOptions options);
  ~Control();

  Status apply(Config config);
  std::vector<Wanted> wants() const;
  Status attach(uint32_t port, std::unique_ptr<Driver> driver);
  Status detach(uint32_t port);
  void tick(Tick now);
  SwitchReport report() const;
  Status check_conservation() const;
  Result<TraceReport> trace(uint32_t port, std::span<const uint8_t> frame) const;
  void capture(std::shared_ptr<CaptureTap> tap);
  void set_policy(std::shared_ptr<const PolicyProgram> program);
  const Snapshot* snapshot() const { return snapshot_.get(); }

  mutable std::mutex lock;
  std::vector<std::unique_ptr<Worker>> workers;

 private:
  // What was replaced, until no worker uses it.
  struct Retired {
    uint64_t version;  // the newest plane that may still use it
    std::unique_ptr<const Plane> plane;
    std::unique_ptr<Driver> driver;
    std::shared_ptr<PortState> port;
  };
  void drop_ports(const Snapshot& next);
  std::shared_ptr<PortState> state_of(const Port& port);
  void release_driver(PortState& port);
  std::shared_ptr<const Teams> look_at_links();
  void announce_changes(const Teams& before, const std::vector<bool>& up_before);
  void publish();
  void collect();
  PortTotals totals_of(const PortState& port) const;

  const SwitchOptions options_;
  Publication<Plane> publication_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<const Graph> graph_;
  std::shared_ptr<LiveAddresses> addresses_;
  std::shared_ptr<const Teams> teams_;
  std::vector<bool> up_;
  std::map<uint32_t, std::shared_ptr<PortState>> ports_;  // by id
  std::shared_ptr<PortState> nobody_;
  std::shared_ptr<CaptureTap> tap_;
  std::shared_ptr<const PolicyProgram> policy_;
  std::vector<std::shared_ptr<Announcements>> announcements_;
  std::unique_ptr<const Plane> plane_;
  std::vector<Retired> retired_;
  PortTotals gone_;  // of ports that are no more
  uint64_t version_ = 0;
};

}  // namespace bridle::net
