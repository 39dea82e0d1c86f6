// Gate: lets two sides (who receives, who sends) use something that a third thread may take away.
// It is taken away only when neither is inside.
//
//   if (!gate.enter(Gate::receiver)) return 0;  ...use...  gate.leave(Gate::receiver);
//   gate.close();   // returns when nobody is inside; nobody enters any more
//
// Thread class: one thread a side at a time; open() and close(): the third.
#pragma once

#include <sched.h>

#include <atomic>

namespace bridle::net {

class Gate {
 public:
  enum Side { receiver = 0, sender = 1 };

  bool enter(Side side) {
    inside_[side].value.store(true);
    if (open_.load()) return true;
    inside_[side].value.store(false, std::memory_order_release);
    return false;
  }
  void leave(Side side) { inside_[side].value.store(false, std::memory_order_release); }

  void open() { open_.store(true); }
  void close() {
    open_.store(false);
    for (const Flag& flag : inside_)
      while (flag.value.load(std::memory_order_acquire)) ::sched_yield();
  }
  // From inside: nobody enters any more; does not wait.
  void shut() { open_.store(false); }
  bool is_open() const { return open_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Flag {
    std::atomic<bool> value{false};
  };
  std::atomic<bool> open_{false};
  Flag inside_[2];
};

}  // namespace bridle::net
