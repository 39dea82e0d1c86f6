#include "jail/console.h"

#include <algorithm>
#include <charconv>

#include "jail/console_ring.h"

namespace bridle::jail {

Result<ConsoleMode> parse_mode(std::string_view line) {
  if (line == "status") return ConsoleMode{true, 0};
  constexpr std::string_view console = "console ";
  if (line.starts_with(console)) {
    const std::string_view number = line.substr(console.size());
    uint64_t bytes = 0;
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), bytes);
    if (failed == std::errc{} && end == number.data() + number.size())
      return ConsoleMode{false, std::min<uint64_t>(bytes, ConsoleRing::capacity)};
  }
  return Error(Code::invalid, "expected \"status\" or \"console N\"");
}

std::string status_line(uint32_t pid, std::optional<int> exit_status) {
  return "{\"pid\":" + std::to_string(pid) + ",\"running\":" + (exit_status ? "false" : "true") +
         ",\"exit\":" + (exit_status ? std::to_string(*exit_status) : "null") + "}\n";
}

void ConsoleQueue::offer(std::string_view bytes) {
  if (skipped_ > 0 || pending().size() + bytes.size() > bound) {
    skipped_ += bytes.size();
    if (pending().empty()) consume(0);
    return;
  }
  if (start_ > bound) bytes_.erase(0, std::exchange(start_, 0));
  bytes_ += bytes;
}

void ConsoleQueue::consume(size_t count) {
  start_ += count;
  if (start_ < bytes_.size()) return;
  bytes_.clear();
  start_ = 0;
  if (skipped_ == 0) return;
  bytes_ = "\r\n[bridle: " + std::to_string(skipped_) + " bytes of output were skipped]\r\n";
  skipped_ = 0;
}

}  // namespace bridle::jail
