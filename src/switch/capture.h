// CaptureTap: frames on their way, copied into a bounded ring for whoever draws them out (a pcapng
// file, `bridle net capture`). What does not fit is counted, never waited for.
//
//   auto tap = std::make_shared<CaptureTap>(CaptureFilter{.ports = {7}, .snap = 256}, 4096,
//   workers); sw.capture(tap); tap->drain([&](const CapturedFrame& frame) { ... });   // e.g.
//   write_capture() below
//
// What is seen: each received frame as it came in; each sent frame as it left; each dropped one
// once more, with its reason, as it was then.
//
// Thread class: put(): each worker into its own ring (one producer); drain(): one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "switch/drop.h"
#include "switch/frame.h"

namespace bridle::net {

enum class CaptureEvent : uint8_t { received, sent, dropped };

struct CaptureFilter {
  std::vector<uint32_t> ports;  // empty: all
  bool received = true, sent = true, dropped = true;
  uint32_t snap = 65'535;  // bytes of each frame
};

struct CapturedFrame {
  Tick when;
  uint32_t port = 0;  // id: where it came in, left, or should have; 0: the switch itself
  CaptureEvent event = CaptureEvent::received;
  Drop reason = Drop{};  // of a dropped one
  uint32_t size = 0;     // of the whole frame
  std::vector<uint8_t> bytes;
};

class CaptureTap {
 public:
  // `bytes`: of each worker's ring.
  CaptureTap(CaptureFilter filter, size_t bytes, size_t workers);
  ~CaptureTap();

  bool wants(CaptureEvent event, uint32_t port) const;
  void put(size_t worker, const Frame& frame, const CapturedFrame& about);
  // Hands out what is there, oldest first within a worker. Returns how many.
  size_t drain(const std::function<void(const CapturedFrame&)>& sink);
  uint64_t missed() const;  // frames that found the ring full

 private:
  class Ring;
  CaptureFilter filter_;
  std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace bridle::net
