// Loop: the epoll loop of the jail, its attendants and the supervisor. Callbacks run one at a time
// on the calling thread; a callback may add, change and remove any watch, its own too.
//
// Thread class: one thread. Every watched descriptor must be removed before it is closed: forked
// attendants may share its open file, and then closing does not end the watch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace bridle::jail {

class Loop {
 public:
  using OnReady = std::function<void(uint32_t events)>;  // EPOLLIN, EPOLLOUT, EPOLLHUP …

  static Result<Loop> create();

  Status watch(int fd, uint32_t events, OnReady on_ready);
  Status change(int fd, uint32_t events);
  void forget(int fd);  // a descriptor that is not watched is fine

  // Runs once, not before `delay`; the token cancels it.
  uint64_t after(Duration delay, std::function<void()> on_time);
  void cancel(uint64_t token);

  // Serves until stop() is called.
  Status run();
  void stop() { stopped_ = true; }

 private:
  Loop() = default;
  int timeout_ms();
  void fire_timers();

  struct Timer {
    Tick when;
    std::function<void()> on_time;
  };
  SystemClock clock_;
  Fd epoll_;
  std::map<int, std::shared_ptr<OnReady>> watches_;
  std::map<uint64_t, Timer> timers_;
  uint64_t next_timer_ = 1;
  bool stopped_ = false;
};

}  // namespace bridle::jail
