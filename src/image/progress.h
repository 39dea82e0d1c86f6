// Progress of a helper, as lines on its standard output: "progress 37 fetching 12/80 libc6".
// bridled reads them with parse_progress; anything else a helper writes is ignored but its last
// "error CODE message" line.
// Thread class: values.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::image {

// percent: 0 to 100, of this helper's work.
using Progress = std::function<void(int percent, const std::string& what)>;

std::string progress_line(int percent, std::string_view what);
std::string error_line(const Error& error);

struct HelperLine {
  std::optional<int> percent;  // a progress line
  std::optional<Error> error;  // an error line
  std::string text;            // its words: printable, at most 200 bytes (600 of an error)
};
// Hostile bytes; empty: neither of the two.
std::optional<HelperLine> parse_helper_line(std::string_view line);

}  // namespace bridle::image
