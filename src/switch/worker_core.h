// WorkerCore: what a Worker is made of: the plane it sees in this turn, its rota, its receiver and
// its outputs. Internal to the switch.
//
// Thread class: as worker.h says.
#pragma once

#include <optional>
#include <vector>

#include "switch/outputs.h"
#include "switch/publication.h"
#include "switch/receiver.h"
#include "switch/rota.h"

namespace bridle::net {

class WorkerCore {
 public:
  WorkerCore(Publication<Plane>& publication, size_t worker, FramePool& pool,
             uint64_t (*counter)());

  bool turn(Tick now);
  bool arm(std::vector<int>& wake_descriptors);
  void disarm();
  std::optional<Tick> wake_at() const { return wake_at_; }

 private:
  bool adopt(const Plane* plane);
  bool serve_busy();
  bool serve_idle(bool all, uint64_t began);
  enum class Served : uint8_t { nothing, came, held };  // held: it is over its rate
  // Receives what one port may send now.
  Served serve(Rota::Place& place);
  bool is_held(const Rota::Place& place) const;
  size_t allowance(Rota::Place& place, const PortView& port);
  void announce();
  bool send_announcement(const Announcement& announcement);
  uint64_t cycles() const { return turn_.cycles != nullptr ? turn_.cycles() : 0; }

  Publication<Plane>& publication_;
  Turn turn_;
  Outputs outputs_;
  Receiver receiver_;
  Rota rota_;
  const Snapshot* snapshot_ = nullptr;  // that the queues are for
  uint64_t version_ = 0;
  int64_t idle_credit_ = 0;  // cycles that asking idle ports may cost
  bool armed_ = false;
  bool in_debt_ = false;  // a port was not asked for its debts in this turn
  std::optional<Tick> wake_at_;
};

}  // namespace bridle::net
