// DatagramDriver: a guest on a unix datagram socket, one frame a datagram, nothing before it
// (QEMU's -netdev dgram). For `dense` and `recorded` machines: nothing of their memory is shared.
//
// The socket comes connected (wire/port_record.h). A guest's frames are at most 64 KiB as it sees
// them; whole checksums, no segmentation: what is larger than a datagram of Ethernet was never
// asked for. QEMU reads one at a time, so the kernel's queue (net.unix.max_dgram_qlen) is what a
// burst has room in.
//
// When QEMU ends, its end is gone for good: the driver is down, and another is made from the socket
// that the jail gives next.
//
// Trusts: nothing. A datagram is copied by the kernel before it is looked at.
// Thread class: as Driver.
#pragma once

#include <memory>

#include "base/fd.h"
#include "switch/drivers/message_socket.h"

namespace bridle::net {

class DatagramDriver final : public Driver {
 public:
  DatagramDriver(Fd socket, FramePool& pool, uint32_t largest);

  size_t receive(std::span<Frame*> into) override { return socket_.receive(into); }
  size_t send(std::span<Frame* const> frames) override { return socket_.send(frames); }
  bool up() const override { return socket_.up(); }
  Abilities abilities() const override { return {.largest = largest_}; }
  int wake_descriptor() const override { return up() ? socket_.descriptor() : -1; }
  bool arm() override { return false; }  // the descriptor stays readable
  void disarm() override {}
  DriverCounters counters() const override { return socket_.counters(); }
  std::string_view name() const override { return "datagram"; }

 private:
  MessageSocket socket_;
  const uint32_t largest_;
};

// Code::invalid: this is no unix datagram socket.
Result<std::unique_ptr<Driver>> open_datagram(Fd socket, FramePool& pool, uint32_t largest);

}  // namespace bridle::net
