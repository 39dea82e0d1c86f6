// Counters: what happened at each port, exactly. Every worker has its own set for every port, so
// that nobody waits and no cache line is shared between writers; readers add them up at any time.
//
// Two books are kept, and each is closed (assert_conservation(), after any whole turn):
//   by cause        received + made = delivered + consumed + sum of dropped     (of every port)
//   by destination  queued          = sent + sum of refused                     (of every port)
//   of the switch   sum of delivered = sum of sent
// `made` are copies (flooding, mirrors), answers and segments on behalf of frames that came in by
// the port; a frame that the switch made by itself (announcements) is on the book of port `nobody`.
// A frame refused by its destination is in `dropped` of the port that it came from as well.
//
// `cycles` is what the port's frames cost the switch, from receive() to send(), wherever they went.
//
// Thread class: one writer each (its worker), any reader.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/result.h"
#include "switch/drop.h"

namespace bridle::net {

class Counter {
 public:
  void add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// One definition of the fields, for the live counters (Number = Counter) and their sums (uint64_t).
template <typename Number>
struct CountersOf {
  // By cause: frames that came in here.
  Number received{}, received_bytes{};
  Number made{};
  Number delivered{}, delivered_bytes{};
  Number consumed{};
  Number cycles{};
  // By destination: frames that should leave here.
  Number queued{};
  Number sent{}, sent_bytes{};
  // By kind of destination address, in and out (module count).
  Number unicast_in{}, multicast_in{}, broadcast_in{};
  Number unicast_out{}, multicast_out{}, broadcast_out{};
  Number mirrored{};  // copies that mirrors made of this port's frames

  std::array<Number, drop_count> dropped{};  // by cause
  std::array<Number, drop_count> refused{};  // by destination
};

struct alignas(64) PortCounters : CountersOf<Counter> {
  void drop(Drop reason, uint64_t frames = 1) { dropped[static_cast<size_t>(reason)].add(frames); }
  void refuse(Drop reason, uint64_t frames = 1) {
    refused[static_cast<size_t>(reason)].add(frames);
  }
};

struct PortTotals : CountersOf<uint64_t> {
  void add(const PortCounters& counters);
  void add(const PortTotals& totals);
  uint64_t all_dropped() const;
  uint64_t all_refused() const;
};

// The books of one port are closed. Error: which does not close, and by how much.
Status check_conservation(const PortTotals& port);

}  // namespace bridle::net
