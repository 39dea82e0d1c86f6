// TokenBucket: how much a port may still send (or get) at its rate. Filled by time, emptied by
// bytes; it may go into debt by what was begun, which later time pays: over any long while the rate
// is exact.
//
// Thread class: one holder at a time.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "switch/config.h"

namespace bridle::net {

class TokenBucket {
 public:
  // Fills it up to `now`. True: something may go. REQUIRES: rate.bits_per_second > 0.
  bool ready(const Rate& rate, Tick now);
  // REQUIRES: ready() in this turn.
  void spend(uint64_t bytes) { level_ -= static_cast<int64_t>(bytes); }
  int64_t level() const { return level_; }
  // When ready() will say true. REQUIRES: as ready(), which was asked at last.
  Tick ready_at(const Rate& rate) const;

 private:
  int64_t level_ = 0;  // bytes
  Tick filled_;        // what came before is in level_
  bool begun_ = false;
};

// What it holds at most: Rate::burst_bytes or its default.
uint64_t burst_of(const Rate& rate);

}  // namespace bridle::net
