// MemoryDriver: a port whose other side is the test. What inject() puts in, receive() gives; what
// is sent can be looked at. It can be down, full, and of any abilities.
//
// Thread class: one thread; or inject() and taken() under the caller's own order.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/fd.h"
#include "switch/driver.h"

namespace bridle::net {

struct MemoryFrame {
  std::vector<uint8_t> bytes;
  Offload offload;
};

class MemoryDriver final : public Driver {
 public:
  explicit MemoryDriver(FramePool& pool);

  void inject(std::span<const uint8_t> bytes, const Offload& offload = {});
  // All that was sent since the last call, in order.
  std::vector<MemoryFrame> taken();
  void set_up(bool up) { up_ = up; }
  void set_room(size_t frames) { room_ = frames; }  // that send() takes until taken()
  void set_abilities(const Abilities& abilities) { abilities_ = abilities; }

  size_t receive(std::span<Frame*> into) override;
  size_t send(std::span<Frame* const> frames) override;
  bool up() const override { return up_; }
  Abilities abilities() const override { return abilities_; }
  int wake_descriptor() const override { return event_.get(); }
  bool arm() override { return !in_.empty(); }
  void disarm() override;
  DriverCounters counters() const override { return counters_; }
  std::string_view name() const override { return "memory"; }

 private:
  FramePool& pool_;
  Fd event_;
  bool up_ = true;
  size_t room_ = SIZE_MAX;
  Abilities abilities_{true, true, true, true, largest_frame};
  DriverCounters counters_;
  std::deque<MemoryFrame> in_, out_;
};

}  // namespace bridle::net
