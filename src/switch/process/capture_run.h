// CaptureRun: one capture on its way: draws frames out of the switch's tap and writes them as
// pcapng to a descriptor of whoever asked, never waiting for it: what does not fit 4 MiB of backlog
// is missed, and counted.
//
// Thread class: control.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "switch/capture.h"
#include "switch/control.h"
#include "switch/process/pcapng.h"

namespace bridle::net {

class CaptureRun {
 public:
  CaptureRun(const CaptureWish& wish, Fd into, std::shared_ptr<CaptureTap> tap, Pcapng format);

  // Writes what came. True: it has ended (bounds reached, time over, nobody reads any more).
  bool step(Tick now);
  json::object outcome() const;

 private:
  bool flush();

  const CaptureWish wish_;
  const Fd into_;
  const std::shared_ptr<CaptureTap> tap_;
  const Pcapng format_;
  std::string backlog_;
  uint64_t frames_ = 0, bytes_ = 0, missed_ = 0;
  std::optional<Tick> ends_;
};

}  // namespace bridle::net
