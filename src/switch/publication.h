// Publication: one pointer that control changes and workers read, and the knowledge when what was
// replaced is nobody's any more (quiescent state based reclamation).
//
// A worker loads the pointer at the start of each turn and says which version it saw; before it
// sleeps it says that it sees nothing. Control frees a version once every worker has seen a newer
// one or sleeps. Nobody waits.
//
// Thread class: enter(), leave(): each worker its own place. The rest: control, one at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace bridle::net {

template <typename T>  // T has version(), rising, from 1
class Publication {
 public:
  explicit Publication(size_t workers) : seen_(workers) {}

  // The newest; T* is good until the next enter() or leave(). Null: nothing was published yet.
  const T* enter(size_t worker) {
    std::atomic<uint64_t>& seen = seen_[worker].version;
    // A worker that slept says first that it is awake (nothing may be freed), then looks.
    if (seen.load(std::memory_order_relaxed) == asleep) {
      seen.store(0, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    const T* now = current_.load(std::memory_order_acquire);
    if (now != nullptr && seen.load(std::memory_order_relaxed) != now->version())
      seen.store(now->version(), std::memory_order_release);
    return now;
  }
  void leave(size_t worker) { seen_[worker].version.store(asleep, std::memory_order_release); }
  // Is there something newer than what the worker saw?
  bool is_new(uint64_t version) const {
    const T* now = current_.load(std::memory_order_acquire);
    return now != nullptr && now->version() != version;
  }

  void publish(const T* next) {
    current_.store(next, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  // Everything older than this is nobody's.
  uint64_t oldest_in_use() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    uint64_t oldest = asleep;
    for (const Seen& seen : seen_)
      oldest = std::min(oldest, seen.version.load(std::memory_order_acquire));
    return oldest;
  }

 private:
  static constexpr uint64_t asleep = UINT64_MAX;
  struct alignas(64) Seen {
    std::atomic<uint64_t> version{asleep};
  };
  std::atomic<const T*> current_{nullptr};
  std::vector<Seen> seen_;
};

}  // namespace bridle::net
