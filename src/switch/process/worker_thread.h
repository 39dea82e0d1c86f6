// WorkerThread: runs one Worker of the switch: turns while there is traffic, a short spin, then
// sleep in epoll on its drivers' wake descriptors.
//
// hold() stops it between two turns (for exact books, and while drivers are made for its pool); it
// is microseconds away from that, or asleep. nudge() wakes it: something changed that it should
// see.
//
// Watched: beat() changes with every turn. A thread that is in a turn and whose beat stands still
// hangs in a system call that somebody outside made block; interrupt() ends that call
// (drivers/hazards.h).
//
// Thread class: start, hold, let_go, nudge, interrupt and the numbers: control. run: its own.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "switch/worker.h"

namespace bridle::net {

class WorkerThread {
 public:
  explicit WorkerThread(Worker& worker) : worker_(worker) {}
  ~WorkerThread();             // stops it
  Status start(size_t index);  // it is set up when this returns

  void hold();
  void let_go();
  void nudge();
  // Wake descriptors may be other ones with the same numbers: look at them anew.
  void descriptors_changed();

  bool in_turn() const { return in_turn_.load(); }
  uint64_t beat() const { return turns_.load(std::memory_order_relaxed); }
  void interrupt();

  uint64_t sleeps() const { return sleeps_.load(std::memory_order_relaxed); }
  uint64_t busy_ns() const;

 private:
  void run(size_t index);
  bool enter();
  void leave() { in_turn_.store(false, std::memory_order_release); }
  bool turn();
  void sleep();
  void watch(std::vector<int> wanted);
  void wait(Duration longest);
  void renew_epoll();

  Worker& worker_;
  Fd epoll_, wake_;
  std::vector<int> watched_;
  std::atomic<bool> ready_{false}, stop_{false}, held_{false}, in_turn_{false}, renew_{true};
  std::atomic<uint64_t> turns_{0}, sleeps_{0};
  std::thread thread_;
};

}  // namespace bridle::net
