// SpinLock: for what workers share for a few hundred cycles at most (a port's send side). Alone, it
// costs one exchange.
//
// Thread class: any.
#pragma once

#include <atomic>

namespace bridle::net {

class SpinLock {
 public:
  void lock() {
    while (taken_.exchange(true, std::memory_order_acquire))
      while (taken_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
  }
  void unlock() { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_{false};
};

}  // namespace bridle::net
