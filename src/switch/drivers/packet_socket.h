// PacketSocketDriver: a network interface of the host, shared with the host (AF_PACKET): for
// operators who keep their NIC where it is.
//
// The jail hands over a SOCK_RAW socket, bound to the interface and promiscuous, with
// PACKET_VNET_HDR (wire/port_record.h); this side asks for PACKET_AUXDATA, so that VLAN tags that
// the kernel stripped are put back, and PACKET_IGNORE_OUTGOING, so that nothing comes back that the
// host or the switch itself sent. recvmmsg and sendmmsg move bursts; a mapped ring was left out,
// for with virtio headers it saves no copy and takes 64 KiB a slot.
//
// Up while the interface is up and has a carrier (asked of the kernel over the socket itself, so
// that it works from an empty network namespace).
//
// Abilities: checksums and TCP segmentation are the kernel's (its software does what a NIC cannot).
// `largest` is the interface's MTU and a header with a tag; the jail says the MTU.
//
// Trusts: the kernel. Frames come from the network and are checked like any others.
// Thread class: as Driver.
#pragma once

#include <memory>

#include "base/fd.h"
#include "switch/drivers/link_watch.h"
#include "switch/drivers/message_socket.h"

namespace bridle::net {

class PacketSocketDriver final : public Driver {
 public:
  PacketSocketDriver(Fd socket, FramePool& pool, LinkWatch link, uint32_t largest);

  size_t receive(std::span<Frame*> into) override { return socket_.receive(into); }
  size_t send(std::span<Frame* const> frames) override { return socket_.send(frames); }
  bool up() const override { return link_.up(); }
  Abilities abilities() const override;
  int wake_descriptor() const override { return socket_.descriptor(); }
  bool arm() override { return false; }
  void disarm() override {}
  DriverCounters counters() const override { return socket_.counters(); }
  std::string_view name() const override { return "af-packet"; }

 private:
  MessageSocket socket_;
  mutable LinkWatch link_;
  const uint32_t largest_;
};

Result<std::unique_ptr<Driver>> open_packet_socket(Fd socket, FramePool& pool, uint32_t mtu);

}  // namespace bridle::net
