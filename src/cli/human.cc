#include "cli/human.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace bridle::cli {
namespace {

// Length of the well-formed UTF-8 sequence at the front, 0 if it is none.
size_t sequence(std::string_view text, uint32_t& point) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || length > text.size()) return 0;
  point = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3fu);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  return overlong || surrogate || point > 0x10ffff ? 0 : length;
}

bool is_control(uint32_t point) {
  const bool bidi = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || bidi;
}

size_t point_columns(uint32_t point) {
  if (point >= 0x300 && point < 0x370) return 0;
  const bool wide = (point >= 0x1100 && point < 0x1160) || (point >= 0x2e80 && point < 0xa4d0) ||
                    (point >= 0xac00 && point < 0xd7a4) || (point >= 0xf900 && point < 0xfb00) ||
                    (point >= 0xfe30 && point < 0xfe70) || (point >= 0xff00 && point < 0xff61) ||
                    (point >= 0x1f300 && point < 0x1f650) ||
                    (point >= 0x1f900 && point < 0x1fa00) || (point >= 0x20000 && point < 0x3fffe);
  return wide ? 2 : 1;
}

std::string three_digits(double value, const char* unit) {
  char out[40];
  const bool whole = value >= 100 || std::fabs(value - std::round(value)) < 0.005;
  std::snprintf(out, sizeof out, whole ? "%.0f%s" : "%.1f%s", value, unit);
  return out;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    uint32_t point = 0;
    const size_t length = sequence(text, point);
    if (length == 0 || is_control(point)) {
      out += length == 1 && (point == '\n' || point == '\t') ? ' ' : '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

size_t columns_of(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    uint32_t point = 0;
    const size_t length = std::max<size_t>(sequence(text, point), 1);
    columns += point_columns(point);
    text.remove_prefix(length);
  }
  return columns;
}

std::string cut(std::string_view text, size_t width) {
  if (columns_of(text) <= width) return std::string(text);
  std::string out;
  size_t columns = 0;
  while (!text.empty()) {
    uint32_t point = 0;
    const size_t length = std::max<size_t>(sequence(text, point), 1);
    if (columns + point_columns(point) + 1 > width) break;
    columns += point_columns(point);
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return width == 0 ? std::string() : out + "…";
}

std::string age(Duration duration) {
  const int64_t seconds = std::max<int64_t>(duration / std::chrono::seconds(1), 0);
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

std::string bytes(uint64_t count) {
  static constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (count == 0) return "0";
  auto value = static_cast<double>(count);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return three_digits(value, units[unit]);
}

std::string rate(double bytes_per_second) {
  if (!(bytes_per_second >= 1)) return "-";
  return bytes(static_cast<uint64_t>(bytes_per_second)) + "/s";
}

std::string percent(double fraction) {
  char out[40];
  const double value = fraction * 100;
  std::snprintf(out, sizeof out, value < 9.95 && value > 0 ? "%.1f%%" : "%.0f%%", value);
  return out;
}

std::string clock_of_day(WallTime time, bool with_date) {
  const time_t seconds = time.ns / 1'000'000'000;
  tm parts{};
  ::localtime_r(&seconds, &parts);
  char out[80];
  ::strftime(out, sizeof out, with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &parts);
  return out;
}

std::string bar(double fraction, size_t width) {
  const double inside = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width);
  const auto full = static_cast<size_t>(std::lround(inside));
  return "[" + std::string(full, '#') + std::string(width - full, '-') + "]";
}

std::string spark(double fraction) {
  static constexpr std::array<const char*, 9> blocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (!(fraction > 0)) return blocks[0];
  const double level = std::clamp(fraction * 8, 1.0, 8.0);
  return blocks[static_cast<size_t>(std::lround(level))];
}

}  // namespace bridle::cli
