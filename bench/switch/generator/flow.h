// Flow: UDP frames of one size from one port to another, offered as fast as the ring takes them.
//
// All frames of a flow are the same, written once when its pool is made: virtio's driver touches
// only the room before a frame, and the switch copies. So offering costs the generator little, and
// one core keeps the rings of several flows full.
//
// Thread class: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/result.h"

struct rte_mbuf;
struct rte_mempool;

namespace bridle::bench {

class Port;

class Flow {
 public:
  // REQUIRES: both ports outlive the flow. `size` is of the frame, Ethernet header included,
  // without the checksum that follows it on a cable: 60 to 1514.
  static Result<std::unique_ptr<Flow>> make(const Port& from, const Port& to, uint16_t size);
  ~Flow();
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  // Offers one burst; the number of frames the ring took.
  uint64_t offer();
  // The last offer was not taken whole: the ring is full.
  bool waits() const { return next_ < count_; }
  // Offers one frame; whether the ring took it.
  bool offer_one();

 private:
  Flow(const Port& from, uint16_t size, rte_mempool* pool)
      : from_(from), size_(size), pool_(pool) {}
  bool refill();

  static constexpr uint16_t burst = 32;
  const Port& from_;
  uint16_t size_;
  rte_mempool* pool_;
  std::array<rte_mbuf*, burst> ready_{};  // [next_, count_): made, not yet taken by the ring
  uint16_t next_ = 0, count_ = 0;
};

}  // namespace bridle::bench
