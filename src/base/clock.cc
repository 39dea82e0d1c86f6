#include "base/clock.h"

#include <chrono>
#include <ctime>

namespace bridle {
namespace {

constexpr int64_t second = 1'000'000'000;

int64_t read_clock(clockid_t id) {
  timespec ts{};
  ::clock_gettime(id, &ts);
  return ts.tv_sec * second + ts.tv_nsec;
}

void put_number(std::string& out, size_t at, size_t digits, int value) {
  for (size_t i = at + digits; i-- > at; value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

int read_number(std::string_view text, size_t at, size_t digits) {
  int value = 0;
  for (const char digit : text.substr(at, digits)) value = 10 * value + (digit - '0');
  return value;
}

}  // namespace

// By hand: lists of objects tell and read thousands of times, and the C library's way takes
// longer than all the rest of an object.
std::string WallTime::text() const {
  using namespace std::chrono;
  const sys_time<milliseconds> at{floor<milliseconds>(nanoseconds(ns))};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  std::string out = "0000-00-00T00:00:00.000Z";
  put_number(out, 0, 4, int{date.year()});
  put_number(out, 5, 2, static_cast<int>(unsigned{date.month()}));
  put_number(out, 8, 2, static_cast<int>(unsigned{date.day()}));
  put_number(out, 11, 2, static_cast<int>(clock.hours().count()));
  put_number(out, 14, 2, static_cast<int>(clock.minutes().count()));
  put_number(out, 17, 2, static_cast<int>(clock.seconds().count()));
  put_number(out, 20, 3, static_cast<int>(clock.subseconds().count()));
  return out;
}

Result<WallTime> WallTime::parse(std::string_view rfc3339) {
  using namespace std::chrono;
  constexpr std::string_view shape = "0000-00-00T00:00:00.000Z";
  const auto wrong = [] {
    return Error(Code::invalid, "not a time: expected 2026-01-02T03:04:05.678Z");
  };
  if (rfc3339.size() != shape.size()) return wrong();
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == '0' ? rfc3339[i] < '0' || rfc3339[i] > '9' : rfc3339[i] != shape[i])
      return wrong();
  const auto number = [&](size_t at, size_t digits) { return read_number(rfc3339, at, digits); };
  const auto part = [&](size_t at) { return static_cast<unsigned>(number(at, 2)); };
  const year_month_day date(year(number(0, 4)), month(part(5)), day(part(8)));
  if (!date.ok() || part(11) > 23 || part(14) > 59 || part(17) > 60) return wrong();
  const auto told =
      sys_days(date).time_since_epoch() + hours(part(11)) + minutes(part(14)) + seconds(part(17));
  constexpr int64_t most = INT64_MAX / second - 1;  // about 292 years either way
  if (seconds(told).count() < -most || seconds(told).count() > most)
    return Error(Code::invalid, "not a time: the years 1678 to 2261 can be told");
  return WallTime{nanoseconds(told).count() + number(20, 3) * int64_t{1'000'000}};
}

Tick SystemClock::now() { return {read_clock(CLOCK_BOOTTIME)}; }
WallTime SystemClock::wall() { return {read_clock(CLOCK_REALTIME)}; }

}  // namespace bridle
