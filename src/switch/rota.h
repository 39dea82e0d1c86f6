// Rota: whose turn it is. The ports that one worker receives from, those with traffic in front, and
// what each may still cost (deficit round robin by cycles; switch/worker.h).
//
// Thread class: one worker's.
#pragma once

#include <vector>

#include "switch/plane.h"

namespace bridle::net {

class Rota {
 public:
  struct Place {
    PortIndex port = no_port;
    Driver* driver = nullptr;
    PortState* state = nullptr;
  };
  // Cycles that a port of 1000 shares may cost in a turn.
  static constexpr int64_t quantum = 16'000;
  // Bursts of one port in one turn, however cheap they are.
  static constexpr int most_bursts = 64;
  // Empty answers in a row until a port counts as idle.
  static constexpr uint32_t patience = 64;

  // The ports of the plane that are this worker's and have a driver.
  void fill(const Plane& plane, size_t worker);

  size_t size() const { return places_.size(); }
  size_t busy() const { return busy_; }
  Place& at(size_t i) { return places_[i]; }
  const std::vector<Place>& all() const { return places_; }

  // It had frames, or none. True: the place at `i` is another port's now.
  bool note(size_t i, bool had_frames);

  static int64_t quantum_of(const PortView& port) { return quantum * port.shares / 1000 + 1; }
  // Credit for this turn. True: it may cost something.
  static bool begin(PortState& state, const PortView& port);
  // Nobody could go on for debts alone: as many turns pass at once as the first needs.
  void forgive(const Snapshot& snapshot);

  // Idle ports: which to ask next, round and round.
  size_t next_idle();

 private:
  std::vector<Place> places_;  // [0, busy_): with traffic
  size_t busy_ = 0;
  size_t idle_ = 0;
};

}  // namespace bridle::net
