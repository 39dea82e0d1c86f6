// The words of an attendant with its clients, and how much it keeps for a slow one. Pure.
//
// attendant.sock, a unix stream; the first line picks the mode:
//   status      -> one JSON line {"pid":N,"running":true,"exit":null}; one more when QEMU ends:
//                  {"pid":N,"running":false,"exit":STATUS} (as of waitpid, -1: not known)
//   console N   -> the last N bytes of scrollback, then live bytes, both ways, raw
//
// Thread class: values; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::jail {

constexpr size_t longest_greeting = 64;

struct ConsoleMode {
  bool status = false;    // else a console
  size_t scrollback = 0;  // bytes, at most ConsoleRing::capacity
};
// `line` without its newline.
Result<ConsoleMode> parse_mode(std::string_view line);
std::string status_line(uint32_t pid, std::optional<int> exit_status);

// What one console client has not read yet. A client that falls behind loses what comes until it
// has caught up, and reads how much that was; the guest never waits for it.
class ConsoleQueue {
 public:
  static constexpr size_t bound = 128 << 10;

  void begin(std::string scrollback) { bytes_ = std::move(scrollback); }
  void offer(std::string_view bytes);
  std::string_view pending() const { return std::string_view(bytes_).substr(start_); }
  void consume(size_t count);  // REQUIRES: count <= pending().size()

 private:
  std::string bytes_;
  size_t start_ = 0;
  uint64_t skipped_ = 0;
};

}  // namespace bridle::jail
