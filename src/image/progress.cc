#include "image/progress.h"

#include <sys/wait.h>

#include <algorithm>
#include <charconv>

namespace bridle::image {
namespace {

std::string printable(std::string_view text, size_t most) {
  std::string out(text.substr(0, most));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return out;
}

}  // namespace

std::string progress_line(int percent, std::string_view what) {
  return "progress " + std::to_string(std::clamp(percent, 0, 100)) + " " + printable(what, 200) +
         "\n";
}

std::string error_line(const Error& error) {
  return "error " + std::string(code_name(error.code())) + " " + printable(error.message(), 600) +
         "\n";
}

std::string result_line(std::string_view text) { return "result " + std::string(text) + "\n"; }

std::optional<HelperLine> parse_helper_line(std::string_view line) {
  constexpr std::string_view progress = "progress ", error = "error ", result = "result ";
  HelperLine out;
  if (line.starts_with(progress)) {
    line.remove_prefix(progress.size());
    int percent = 0;
    const auto [end, wrong] = std::from_chars(line.data(), line.data() + line.size(), percent);
    if (wrong != std::errc() || percent < 0 || percent > 100) return {};
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    if (!line.empty() && line[0] == ' ') line.remove_prefix(1);
    out.percent = percent;
    out.text = printable(line, 200);
    return out;
  }
  if (line.starts_with(result)) {
    out.result = true;
    out.text = line.substr(result.size());
    return out;
  }
  if (!line.starts_with(error)) return {};
  line.remove_prefix(error.size());
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return {};
  const auto code = code_from_name(line.substr(0, blank));
  if (!code) return {};
  out.text = printable(line.substr(blank + 1), 600);
  out.error = Error(*code, out.text);
  return out;
}

std::string ended_how(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "signal " + std::to_string(WTERMSIG(wait_status));
  const int status = WEXITSTATUS(wait_status);
  if (status > 128) return "signal " + std::to_string(status - 128);
  return "status " + std::to_string(status);
}

bool never_started(int wait_status) {
  return WIFEXITED(wait_status) &&
         (WEXITSTATUS(wait_status) == 125 || WEXITSTATUS(wait_status) == 126);
}

Error ended_without_reason(int wait_status) {
  if (never_started(wait_status))
    return Error(Code::internal,
                 "bridle-jail could not start the image helper (" + ended_how(wait_status) +
                     "); why is in bridle-jail's log (its standard error; under systemd: "
                     "journalctl -t bridle-jail)");
  return Error(Code::internal, "the image helper ended with " + ended_how(wait_status) +
                                   " and no reason; bridle-jail's log (its standard error) and "
                                   "the kernel's (dmesg) may tell more");
}

}  // namespace bridle::image
