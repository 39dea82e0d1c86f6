#include "model/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/units.h"

namespace bridle::model {
namespace {

namespace json = boost::json;

constexpr uint64_t most_bytes = uint64_t{1} << 62;
constexpr uint64_t most_millicores = 1'000'000;

// "1000" and "1000B" are read exactly: a double would round what is above 2^53.
std::optional<uint64_t> plain_bytes(std::string_view text) {
  if (text.size() > 1 && text.ends_with('B')) text.remove_suffix(1);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// The messages never repeat the text: it is the caller who shows it, cut and cleaned.
Error expected(std::string_view what) {
  return Error(Code::invalid, "expected " + std::string(what));
}

std::string_view view(const json::value& text) {
  return {text.get_string().data(), text.get_string().size()};
}

}  // namespace

Result<uint64_t> bytes_of(const json::value& value) {
  std::optional<uint64_t> bytes;
  if (value.is_string()) {
    bytes = plain_bytes(view(value));
    if (!bytes)
      if (const auto parsed = parse_bytes(view(value))) bytes = *parsed;
  } else if (value.is_uint64()) {
    bytes = value.get_uint64();
  } else if (value.is_int64() && value.get_int64() >= 0) {
    bytes = static_cast<uint64_t>(value.get_int64());
  }
  if (bytes && *bytes <= most_bytes) return *bytes;
  return expected("a size such as 128MiB or 2GiB, at most 4194304TiB");
}

Result<uint64_t> cores_of(const json::value& value) {
  if (value.is_string()) {
    if (const auto parsed = parse_cores(view(value))) return *parsed;
  } else if (value.is_number()) {
    const double cores = value.to_number<double>();
    if (cores >= 0 && cores <= most_millicores / 1e3)
      return static_cast<uint64_t>(std::llround(cores * 1000));
  }
  return expected("a number of cores such as 2, 0.5 or 250m, at most 1000");
}

Result<Duration> duration_of(const json::value& value) {
  if (value.is_string())
    if (const auto parsed = parse_duration(view(value)))
      return Duration(std::chrono::round<std::chrono::milliseconds>(*parsed));
  return expected("a duration with a unit, such as 500ms, 30s or 5m");
}

std::string bytes_text(uint64_t bytes) { return bytes == 0 ? "0" : format_bytes(bytes); }

std::string cores_text(uint64_t millicores) { return format_cores(millicores); }

std::string duration_text(Duration duration) {
  static constexpr std::array<std::pair<int64_t, std::string_view>, 4> units{
      {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}}};
  const int64_t ms = duration.count() / 1'000'000;
  if (ms == 0) return "0s";
  for (const auto& [unit, word] : units)
    if (ms % unit == 0) return std::to_string(ms / unit) + std::string(word);
  return std::to_string(ms) + "ms";
}

}  // namespace bridle::model
