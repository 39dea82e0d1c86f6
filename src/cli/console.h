// Console: bytes between a person and a guest's serial port, until one of them has enough.
//
// On a terminal every key goes to the guest, but for Ctrl-], which detaches; off a terminal stdin
// is sent as it is, and after its end the guest's output is shown until it falls silent.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "cli/http_client.h"

namespace bridle::cli {

constexpr char detach_key = 0x1d;  // Ctrl-]

enum class PumpEnd {
  detached,     // the key, or an interrupt
  input_ended,  // and the guest fell silent
  closed,       // the other side ended it
};

struct PumpOptions {
  int in = 0, out = 1;
  bool raw = false;                             // watch for the detach key
  Duration linger = std::chrono::seconds(1);    // silence after the end of input
  std::function<bool()> interrupted = nullptr;  // asked after each wait
};

// REQUIRES: stream.fd is blocking.
Result<PumpEnd> pump(const RawStream& stream, const PumpOptions& options, bool& input_open);

}  // namespace bridle::cli
