// TapDriver: a TAP device of the host: what the host, or the namespace that masquerades for guests,
// sees as a network interface.
//
// The jail hands over the descriptor after TUNSETIFF with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
// (wire/port_record.h). This side sets the virtio header to 10 bytes and asks for offloads, so that
// large frames and unfinished checksums pass to the kernel whole and come from it whole. One system
// call a frame: TAP has no bursts.
//
// Down when the device is gone (EBADFD), for good: another is made from what the jail gives next.
// While the host has set it down it takes nothing.
//
// Trusts: the kernel. Frames come from the host and are checked like any others.
// Thread class: as Driver.
#pragma once

#include <atomic>
#include <memory>

#include "base/fd.h"
#include "switch/driver.h"

namespace bridle::net {

class TapDriver final : public Driver {
 public:
  TapDriver(Fd device, FramePool& pool, Abilities abilities);

  size_t receive(std::span<Frame*> into) override;
  size_t send(std::span<Frame* const> frames) override;
  bool up() const override { return up_.load(std::memory_order_relaxed); }
  Abilities abilities() const override { return abilities_; }
  int wake_descriptor() const override { return up() ? device_.get() : -1; }
  bool arm() override { return false; }
  void disarm() override {}
  DriverCounters counters() const override;
  std::string_view name() const override { return "tap"; }

 private:
  bool finish(Frame& frame, std::span<const uint8_t> header, size_t bytes);
  bool send_one(const Frame& frame);

  const Fd device_;
  FramePool& pool_;
  const Abilities abilities_;
  std::atomic<bool> up_{true};
  std::atomic<uint64_t> malformed_{0}, starved_{0};
};

// mtu: of the device; 0: 1500. Code::invalid: this is no TAP device with virtio headers.
Result<std::unique_ptr<Driver>> open_tap(Fd device, FramePool& pool, uint32_t mtu);

}  // namespace bridle::net
