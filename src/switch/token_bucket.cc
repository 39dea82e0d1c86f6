#include "switch/token_bucket.h"

#include <algorithm>

#include "switch/frame.h"

namespace bridle::net {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr int64_t bit_nanoseconds = 8 * int64_t{1'000'000'000};  // a byte at 1 bit/s

}  // namespace

uint64_t burst_of(const Rate& rate) {
  if (rate.burst_bytes != 0) return rate.burst_bytes;
  return std::max<uint64_t>(rate.bits_per_second / 800, largest_frame);  // 10 ms
}

bool TokenBucket::ready(const Rate& rate, Tick now) {
  const auto most = static_cast<int64_t>(burst_of(rate));
  if (!begun_) {
    begun_ = true;
    level_ = most;
    filled_ = now;
  }
  const auto passed = static_cast<Wide>(std::max<int64_t>(now.ns - filled_.ns, 0));
  const auto bytes = passed * rate.bits_per_second / static_cast<uint64_t>(bit_nanoseconds);
  if (bytes >= static_cast<uint64_t>(most - std::min(level_, most))) {
    level_ = most;
    filled_ = now;
  } else if (bytes > 0) {
    level_ += static_cast<int64_t>(bytes);
    // Only the time that those bytes took is used up: nothing is lost to rounding.
    filled_.ns +=
        static_cast<int64_t>(bytes * static_cast<uint64_t>(bit_nanoseconds) / rate.bits_per_second);
  }
  return level_ > 0;
}

Tick TokenBucket::ready_at(const Rate& rate) const {
  if (level_ > 0) return filled_;
  const auto missing = static_cast<Wide>(1 - level_);
  const auto wait = missing * static_cast<uint64_t>(bit_nanoseconds) / rate.bits_per_second + 1;
  return {filled_.ns + static_cast<int64_t>(std::min<Wide>(wait, INT64_MAX / 4))};
}

}  // namespace bridle::net
