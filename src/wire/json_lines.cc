#include "wire/json_lines.h"

namespace bridle::wire {

Status LineBuffer::append(std::string_view bytes) {
  buffer_.erase(0, start_);
  start_ = 0;
  buffer_ += bytes;
  const size_t last = buffer_.rfind('\n');
  const size_t tail = last == std::string::npos ? buffer_.size() : buffer_.size() - last - 1;
  if (tail > longest_)
    return Error(Code::exhausted, "a line is longer than " + std::to_string(longest_) + " bytes");
  return {};
}

std::optional<std::string> LineBuffer::next() {
  const size_t end = buffer_.find('\n', start_);
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer_.substr(start_, end - start_);
  start_ = end + 1;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

}  // namespace bridle::wire
