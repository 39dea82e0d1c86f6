// Terminal: what the CLI's three streams are, raw mode, and signals that only set a flag.
#pragma once

#include <termios.h>

#include <cstddef>
#include <optional>

#include "base/result.h"

namespace bridle::cli {

struct Terminal {
  bool in = false, out = false, err = false;  // is it a terminal?
  size_t width = 0;                           // of stdout's; 0: not a terminal
  size_t height = 0;

  static Terminal look();  // at descriptors 0, 1, 2
  void measure();          // again, after a resize
};

// Puts descriptor 0 into raw mode (every byte goes through, Ctrl-C too) until destroyed; signals
// that end the process (SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV) restore it, too. REQUIRES: at
// most one at a time.
class RawMode {
 public:
  static Result<RawMode> enter();
  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();

 private:
  explicit RawMode(const termios& before) : before_(before) {}
  std::optional<termios> before_;
};

// While it lives, SIGINT (and SIGTERM) set a flag and interrupt waits instead of ending the
// process.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  // Since the last call.
  bool take();
};

}  // namespace bridle::cli
