// Progress of a helper, as lines on its standard output: "progress 37 fetching 12/80 libc6". Its
// last line may be "error CODE message", or "result JSON" of a helper that has something to tell.
// bridled reads them with parse_helper_line; anything else a helper writes is ignored.
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
// REQUIRES: text holds no line feed.
std::string result_line(std::string_view text);

struct HelperLine {
  std::optional<int> percent;  // a progress line
  std::optional<Error> error;  // an error line
  bool result = false;         // a result line
  // Its words: printable, at most 200 bytes (600 of an error); as they are, of a result.
  std::string text;
};
// Hostile bytes; empty: none of the three.
std::optional<HelperLine> parse_helper_line(std::string_view line);

// Of a helper's wait status, as of waitpid(2). The init of a helper ends with 128 + N for signal N
// (jail/helper.h), and with 125 or 126 where the jail could not make the helper's world.
std::string ended_how(int wait_status);  // "status 3", "signal 9"
bool never_started(int wait_status);
// For a helper that failed and said nothing: where the reason is to be found.
Error ended_without_reason(int wait_status);

}  // namespace bridle::image
