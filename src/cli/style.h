// Style: colours, by meaning. A Style that is off gives the text back unchanged.
#pragma once

#include <string>
#include <string_view>

namespace bridle::cli {

enum class Tone { plain, good, busy, bad, faint, strong };

class Style {
 public:
  explicit Style(bool on) : on_(on) {}
  bool on() const { return on_; }
  std::string paint(Tone tone, std::string_view text) const;

 private:
  bool on_;
};

// Of a phase or a verdict: "running" is good, "starting" busy, "failed" bad.
Tone tone_of(std::string_view phase);

}  // namespace bridle::cli
