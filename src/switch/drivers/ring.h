// RingDriver: to the switch of another trust zone, over memory that both have. Frames are copied
// into it and out of it: neither zone sees the other's guests, and neither trusts the other's
// switch.
//
// The memory is two halves, one a direction: half 0 is written by side 0, half 1 by side 1. A half
// is
//
//   byte 0     u32 produced   bytes that its writer put in, ever (free-running)
//   byte 64    u32 consumed   bytes that its reader took out, ever
//   byte 128   u32 sleeping   1: the reader waits for its eventfd
//   byte 4096  the data: a power of two of bytes, as many as fit the half
//
// The data is a stream of records, padded to 8 bytes, that wrap round at the end: a header of
// ring_record_size bytes, then the frame. Header: u32 frame bytes, u32 zero, virtio header (10
// bytes, virtio_header.h), zero to 24.
//
// Hostile other side: counters are read once and masked; a `produced` that is more than a ring
// ahead, a record that is longer than what is there or than largest_frame, or an offload that does
// not fit is counted as malformed, and everything up to `produced` is skipped. A header is copied
// before it is looked at, a frame before anybody looks at it. What the writer knows of its own
// position it keeps in its own memory. A reader that says it consumed what was never put in gets
// nothing.
//
// Restart: a new process of either side goes on from the counters in memory; the rest of a frame
// that was being written is not announced yet and is lost.
//
// Wake: [1] and [2] of the hand-over are eventfds for side 0 and side 1, waited on by edge, never
// read, and made non-blocking here. The other side could make a write block again and hang: the
// worker's watchdog interrupts it (switch/process/watchdog.h), and the ring is down from then on.
//
// Trusts: that the memory is sealed (checked) and that the jail zeroed it.
// Thread class: as Driver.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "switch/driver.h"
#include "switch/drivers/shared_memory.h"

namespace bridle::net {

constexpr size_t ring_record_size = 24;
constexpr size_t ring_control_size = 4096;
// The smallest memory in which a largest frame has room.
constexpr size_t least_ring_memory = 2 * (ring_control_size + (128 << 10));

// One direction, as one side sees it: bytes of records in and out. Pure but for the shared memory.
class RingHalf {
 public:
  enum class Role { reader, writer };
  // half: ring_control_size and data behind it.
  RingHalf(std::span<uint8_t> half, Role role);

  // Reader. A record is copied out with read() piece by piece, then done() moves on.
  uint32_t available();                                   // bytes; 0 if the writer lies (lied())
  void read(uint32_t at, std::span<uint8_t> into) const;  // `at` from the reader's position
  void done(uint32_t bytes);
  void skip_all();
  bool lied() { return std::exchange(lied_, false); }
  void set_sleeping(bool sleeping);

  // Writer. Pieces are written behind what was written, then publish() shows all of them.
  uint32_t room();
  void write(std::span<const uint8_t> bytes);
  void publish();
  void forget();  // what was written and not published
  bool reader_sleeps() const;

 private:
  std::atomic<uint32_t>& control(size_t at) const;

  uint8_t* base_;
  uint8_t* data_;
  uint32_t size_, mask_;
  uint32_t position_;     // the reader's, or the writer's; where the last process of this side was
  uint32_t written_ = 0;  // behind position_, not published
  uint32_t seen_ = 0;     // reader: what `produced` was when it was last looked at
  bool lied_ = false;
};

struct RingEnds {
  Fd memory, mine, theirs;  // memfd; eventfd that wakes this side; eventfd that wakes the other
  unsigned side = 0;
};

class RingDriver final : public Driver {
 public:
  RingDriver(SharedMemory memory, RingEnds ends, FramePool& pool);

  size_t receive(std::span<Frame*> into) override;
  size_t send(std::span<Frame* const> frames) override;
  bool up() const override { return up_.load(std::memory_order_relaxed); }
  Abilities abilities() const override;
  int wake_descriptor() const override { return ends_.mine.get(); }
  bool arm() override;
  void disarm() override;
  DriverCounters counters() const override;
  std::string_view name() const override { return "ring"; }

 private:
  Frame* take_one();
  Frame* lie();
  bool put_one(const Frame& frame);
  void wake_other();

  SharedMemory memory_;
  const RingEnds ends_;
  FramePool& pool_;
  RingHalf in_, out_;
  std::atomic<bool> up_{true};
  std::atomic<uint64_t> malformed_{0}, starved_{0};
};

Result<std::unique_ptr<Driver>> open_ring(RingEnds ends, FramePool& pool);

}  // namespace bridle::net
