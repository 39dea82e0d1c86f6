// Worker: one thread's part of a switch. It owns some ports (receives from them) and sends to all.
//
// turn() is one round: a burst from every port that has something, through its ingress modules into
// the output queues, and every queue through the egress modules out of its port. Within a turn
// nothing waits: after it no frame is anywhere inside the switch.
//
// Fair: deficit round robin over ports by cycles. In each turn a port may cost a quantum that its
// `shares` scale; what it has cost over that (its own frames, wherever they went) it pays with
// later turns. Queues of receivers that are too slow are emptied last and in turns of the senders,
// so that what does not fit is the flooder's. A port over its rate to send is not asked until it
// may again: its guest waits, nothing is lost.
//
// Quiet: a port without frames for a while is asked more rarely: idle ports may together cost a
// sixty-fourth of a turn. When all are idle each is asked in every turn.
//
// Thread class: its own thread, one at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace bridle::net {

class WorkerCore;

class Worker {
 public:
  explicit Worker(std::unique_ptr<WorkerCore> core);
  ~Worker();

  // One round at time `now`. True: something was received or sent.
  bool turn(Tick now);

  // Before it sleeps: arms its ports' drivers and says what to wait on. True: something came
  // meanwhile, or there is a new snapshot: do not sleep (nothing is armed). Otherwise the worker is
  // asleep until disarm(), and holds nothing of the switch: turn() only after that.
  bool arm(std::vector<int>& wake_descriptors);
  void disarm();
  // When a port that is over its rate may send again: sleep no longer than until then.
  std::optional<Tick> wake_at() const;

  WorkerCore& core() { return *core_; }

 private:
  std::unique_ptr<WorkerCore> core_;
};

}  // namespace bridle::net
