#include "cli/style.h"

#include <array>
#include <utility>

namespace bridle::cli {

std::string Style::paint(Tone tone, std::string_view text) const {
  static constexpr std::array<std::string_view, 6> codes{"", "32", "33", "31", "2", "1"};
  if (!on_ || tone == Tone::plain || text.empty()) return std::string(text);
  std::string out = "\x1b[";
  out += codes[static_cast<size_t>(tone)];
  out += 'm';
  out += text;
  return out + "\x1b[0m";
}

Tone tone_of(std::string_view phase) {
  static constexpr std::array<std::pair<std::string_view, Tone>, 19> tones{{
      {"running", Tone::good},  {"ready", Tone::good},    {"succeeded", Tone::good},
      {"done", Tone::good},     {"ok", Tone::good},       {"starting", Tone::busy},
      {"stopping", Tone::busy}, {"pending", Tone::busy},  {"building", Tone::busy},
      {"paused", Tone::busy},   {"deleting", Tone::busy}, {"warning", Tone::busy},
      {"failed", Tone::bad},    {"error", Tone::bad},     {"cancelled", Tone::bad},
      {"tampered", Tone::bad},  {"defined", Tone::faint}, {"stopped", Tone::faint},
      {"deleted", Tone::faint},
  }};
  for (const auto& [word, tone] : tones)
    if (word == phase) return tone;
  return Tone::plain;
}

}  // namespace bridle::cli
