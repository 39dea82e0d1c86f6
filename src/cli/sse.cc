#include "cli/sse.h"

namespace bridle::cli {

Status EventParser::feed(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() + pending_.data.size() > max_event &&
      buffer_.find("\n\n") == std::string::npos)
    return Error(Code::exhausted, "an event is larger than 4 MiB");
  return {};
}

std::optional<ServerEvent> EventParser::next() {
  size_t start = 0;
  std::optional<ServerEvent> found;
  while (!found) {
    const size_t end = buffer_.find('\n', start);
    if (end == std::string::npos) break;
    std::string_view line = std::string_view(buffer_).substr(start, end - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    start = end + 1;
    if (!line.empty()) {
      take_field(line);
      continue;
    }
    if (has_data_) found = pending_;
    pending_ = {};
    has_data_ = false;
  }
  buffer_.erase(0, start);
  return found;
}

void EventParser::take_field(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == 0) return;
  const std::string_view name = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "id") pending_.id = value;
  if (name == "event") pending_.event = value;
  if (name != "data") return;
  if (has_data_) pending_.data += '\n';
  pending_.data += value;
  has_data_ = true;
}

}  // namespace bridle::cli
