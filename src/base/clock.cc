#include "base/clock.h"

#include <cstdio>
#include <ctime>

namespace bridle {
namespace {

constexpr int64_t second = 1'000'000'000;

int64_t read_clock(clockid_t id) {
  timespec ts{};
  ::clock_gettime(id, &ts);
  return ts.tv_sec * second + ts.tv_nsec;
}

}  // namespace

std::string WallTime::text() const {
  const int64_t fraction = (ns % second + second) % second;  // before 1970 too
  const time_t seconds = (ns - ns % second) / second - (ns % second < 0 ? 1 : 0);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  char out[80];
  std::snprintf(out, sizeof out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(fraction / 1'000'000));
  return out;
}

Result<WallTime> WallTime::parse(std::string_view rfc3339) {
  const std::string text(rfc3339);
  tm parts{};
  int millis = 0;
  char z = 0;
  const int n =
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &millis, &z);
  if (n != 8 || z != 'Z' || text.size() != 24)
    return Error(Code::invalid, "not a time: expected 2026-01-02T03:04:05.678Z");
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const time_t seconds = ::timegm(&parts);
  constexpr int64_t most = INT64_MAX / second - 1;  // about 292 years either way
  if (seconds < -most || seconds > most)
    return Error(Code::invalid, "not a time: the years 1678 to 2261 can be told");
  return WallTime{seconds * second + millis * int64_t{1'000'000}};
}

Tick SystemClock::now() { return {read_clock(CLOCK_BOOTTIME)}; }
WallTime SystemClock::wall() { return {read_clock(CLOCK_REALTIME)}; }

}  // namespace bridle
