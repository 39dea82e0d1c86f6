#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

namespace bridle {
namespace {

struct Number {
  double value;
  std::string_view unit;
};

Result<Number> split(std::string_view text, std::string_view expected) {
  const auto bad = [&] {
    return Error(Code::invalid, "\"" + std::string(text) + "\" is not " + std::string(expected));
  };
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string_view digits = text.substr(0, end);
  Number number{0, end == std::string_view::npos ? std::string_view() : text.substr(end)};
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(),
                                             number.value, std::chars_format::fixed);
  if (digits.empty() || error != std::errc() || last != digits.data() + digits.size()) return bad();
  if (!std::isfinite(number.value)) return bad();
  return number;
}

template <size_t N>
Result<uint64_t> scaled(std::string_view text,
                        const std::array<std::pair<std::string_view, double>, N>& units,
                        double most, std::string_view expected) {
  BRIDLE_TRY(const Number number, split(text, expected));
  for (const auto& [unit, factor] : units) {
    if (unit != number.unit) continue;
    const double value = number.value * factor;
    if (value > most) return Error(Code::invalid, "\"" + std::string(text) + "\" is too large");
    return static_cast<uint64_t>(std::llround(value));
  }
  return Error(Code::invalid, "\"" + std::string(text) + "\" is not " + std::string(expected));
}

constexpr double kib = 1024;

}  // namespace

Result<uint64_t> parse_bytes(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 14> units{{
      {"", 1},
      {"B", 1},
      {"KiB", kib},
      {"MiB", kib * kib},
      {"GiB", kib * kib * kib},
      {"TiB", kib * kib * kib * kib},
      {"K", kib},
      {"M", kib * kib},
      {"G", kib * kib * kib},
      {"T", kib * kib * kib * kib},
      {"kB", 1e3},
      {"MB", 1e6},
      {"GB", 1e9},
      {"TB", 1e12},
  }};
  return scaled(text, units, 4.6e18, "a size such as 128MiB or 2GiB");
}

std::string format_bytes(uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(units[unit]);
}

Result<uint64_t> parse_cores(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 2> units{{{"", 1000}, {"m", 1}}};
  return scaled(text, units, 1e6, "a number of cores such as 2, 0.5 or 250m");
}

std::string format_cores(uint64_t millicores) {
  if (millicores % 1000 == 0) return std::to_string(millicores / 1000);
  return std::to_string(millicores) + "m";
}

Result<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 5> units{
      {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
  BRIDLE_TRY(const uint64_t ns, scaled(text, units, 9e18, "a duration such as 500ms, 30s or 5m"));
  return Duration(static_cast<int64_t>(ns));
}

std::string format_duration(Duration duration) {
  const int64_t ms = duration.count() / 1'000'000;
  const int64_t s = ms / 1000;
  char out[48];
  if (ms < 1000) {
    std::snprintf(out, sizeof out, "%lldms", static_cast<long long>(ms));
  } else if (s < 60) {
    std::snprintf(out, sizeof out, "%llds", static_cast<long long>(s));
  } else if (s < 3600) {
    std::snprintf(out, sizeof out, "%lldm%02llds", static_cast<long long>(s / 60),
                  static_cast<long long>(s % 60));
  } else if (s < 86400) {
    std::snprintf(out, sizeof out, "%lldh%02lldm", static_cast<long long>(s / 3600),
                  static_cast<long long>(s / 60 % 60));
  } else {
    std::snprintf(out, sizeof out, "%lldd%02lldh", static_cast<long long>(s / 86400),
                  static_cast<long long>(s / 3600 % 24));
  }
  return out;
}

}  // namespace bridle
