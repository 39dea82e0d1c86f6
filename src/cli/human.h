// Human: quantities and foreign text as people read them on a terminal. Pure.
//
// Every text that came from elsewhere (names, messages, a guest's last words) passes printable()
// before it reaches a terminal: an escape sequence in a machine's message must not move the cursor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace bridle::cli {

// Control characters (C0, DEL, C1) and broken UTF-8 replaced by '?', newlines by ' '.
std::string printable(std::string_view text);
// Columns on a terminal: code points; wide ones count two. REQUIRES: printable text.
size_t columns_of(std::string_view text);
// At most `width` columns, the last one "…" where something was cut.
std::string cut(std::string_view text, size_t width);

std::string age(Duration duration);         // "4s", "3m", "5h", "12d": one unit, rounded down
std::string bytes(uint64_t count);          // "0", "512B", "1.5MiB", "128MiB": 3 digits
std::string rate(double bytes_per_second);  // "1.5MiB/s"; "-" below one byte
std::string percent(double fraction);       // "0.3%", "12%", "187%"
std::string clock_of_day(WallTime time, bool with_date);  // "03:04:05", local time

// [####------] of `width` columns inside, `fraction` 0 to 1.
std::string bar(double fraction, size_t width);
// "▁▂▃▄▅▆▇█" for values 0 to `most`, the last `width` of them.
template <typename Values>
std::string sparkline(const Values& values, double most, size_t width);
std::string spark(double fraction);  // one of the eight blocks, or a blank for nothing

template <typename Values>
std::string sparkline(const Values& values, double most, size_t width) {
  std::string out;
  const size_t skip = values.size() > width ? values.size() - width : 0;
  out.append(width - (values.size() - skip), ' ');
  for (size_t i = skip; i < values.size(); ++i) out += spark(most > 0 ? values[i] / most : 0);
  return out;
}

}  // namespace bridle::cli
