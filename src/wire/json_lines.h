// LineBuffer: cuts a byte stream into lines, with a bound on the length of a line. Used wherever
// peers talk in JSON lines (QMP, the guest agent, the attendant). The bytes come from guests or
// from QEMU: hostile.
//
// Thread class: a value.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::wire {

class LineBuffer {
 public:
  explicit LineBuffer(size_t longest_line) : longest_(longest_line) {}

  // Code::exhausted when a line grows over the bound: the stream is lost, close it.
  Status append(std::string_view bytes);
  // The next whole line without its "\n" or "\r\n"; empty when there is none yet.
  std::optional<std::string> next();

 private:
  size_t longest_;
  size_t start_ = 0;  // of the first line not yet taken
  std::string buffer_;
};

}  // namespace bridle::wire
