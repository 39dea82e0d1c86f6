// Clock: a seam, so that logic can run in virtual time.
//
// Tick is monotonic and measures durations; WallTime is what people read. Neither is read by
// logic: the rim puts them into events.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle {

using Duration = std::chrono::nanoseconds;

// Nanoseconds on a monotonic clock whose zero means nothing (CLOCK_BOOTTIME on a real host).
struct Tick {
  int64_t ns = 0;
  auto operator<=>(const Tick&) const = default;
  Tick operator+(Duration d) const { return {ns + d.count()}; }
  Duration operator-(Tick other) const { return Duration(ns - other.ns); }
};

// Nanoseconds since 1970-01-01 UTC.
struct WallTime {
  int64_t ns = 0;
  auto operator<=>(const WallTime&) const = default;
  std::string text() const;  // RFC 3339 with milliseconds, "2026-01-02T03:04:05.678Z"
  static Result<WallTime> parse(std::string_view rfc3339);
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Tick now() = 0;
  virtual WallTime wall() = 0;
};

class SystemClock final : public Clock {
 public:
  Tick now() override;
  WallTime wall() override;
};

}  // namespace bridle
