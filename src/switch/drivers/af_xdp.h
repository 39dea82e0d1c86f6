// XdpDriver: an interface of the host by AF_XDP: frames that the jail's program redirects skip the
// host's network stack and land in memory that this process maps.
//
// What the jail hands over (wire/port_record.h): [0] an AF_XDP socket, bound in copy mode, its umem
// registered by the jail, with all four rings made of `ring_entries` (a power of two) each; [1] the
// memfd that is the umem, `bytes` long, frames of `frame_size`, the fill ring empty; [2] the link
// that keeps the program attached, held here. A new process of the switch gets a new socket and
// umem: who owned which frame died with the old one.
//
// This side maps rings (XDP_MMAP_OFFSETS) and umem. The first half of the umem's frames is received
// into, the second half sent from. Received frames are copied into the pool and their umem frame
// goes back to the fill ring at once; frames to send are copied into a free umem frame, announced,
// and the kernel is kicked by sendto(2). Rings and addresses from the kernel are bounded all the
// same: only the jail wrote to that memory, but it may not be the jail that sent the descriptor.
//
// Abilities: none. AF_XDP has no offloads; frames up to frame_size less 256 bytes of headroom and
// the interface's MTU.
//
// Trusts: the kernel.
// Thread class: as Driver.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "switch/driver.h"
#include "switch/drivers/shared_memory.h"

namespace bridle::net {

struct XdpEnds {
  Fd socket, umem, link;
  uint32_t frame_size = 0, ring_entries = 0, mtu = 0;
};

// One of the four rings between this process and the kernel.
class XdpRing {
 public:
  XdpRing() = default;
  // `page`: the ring's XDP_PGOFF_…; entry_size 8 (addresses) or 16 (descriptors).
  static Result<XdpRing> map(int socket, int option, uint32_t entries);
  XdpRing(XdpRing&& other) noexcept { *this = std::move(other); }
  XdpRing& operator=(XdpRing&& other) noexcept;
  ~XdpRing();

  uint32_t readable() const;  // entries that the kernel produced
  uint32_t writable() const;  // entries that there is room for
  void* entry(uint32_t ahead) const;
  void consume(uint32_t entries);
  void produce(uint32_t entries);
  bool needs_wakeup() const;

 private:
  uint8_t* base_ = nullptr;
  size_t bytes_ = 0;
  std::atomic<uint32_t>*producer_ = nullptr, *consumer_ = nullptr, *flags_ = nullptr;
  uint8_t* entries_ = nullptr;
  uint32_t entry_size_ = 0, size_ = 0;
  uint32_t position_ = 0;  // of this side
};

class XdpDriver final : public Driver {
 public:
  struct Rings {
    XdpRing fill, completion, receive, send;
  };
  XdpDriver(XdpEnds ends, SharedMemory umem, Rings rings, FramePool& pool);

  size_t receive(std::span<Frame*> into) override;
  size_t send(std::span<Frame* const> frames) override;
  bool up() const override { return up_.load(std::memory_order_relaxed); }
  Abilities abilities() const override { return {.largest = largest_}; }
  int wake_descriptor() const override { return up() ? ends_.socket.get() : -1; }
  bool arm() override { return rings_.receive.readable() > 0; }
  void disarm() override {}
  DriverCounters counters() const override;
  std::string_view name() const override { return "af-xdp"; }

 private:
  Frame* copy_in(uint64_t address, uint32_t size);
  void give_back(uint64_t address);
  void collect_sent();
  bool put_one(const Frame& frame, uint32_t place);
  void kick();

  const XdpEnds ends_;
  SharedMemory umem_;
  Rings rings_;
  FramePool& pool_;
  const uint32_t largest_;
  std::vector<uint64_t> free_;  // umem frames to send from
  std::atomic<bool> up_{true};
  std::atomic<uint64_t> malformed_{0}, starved_{0};
};

Result<std::unique_ptr<Driver>> open_xdp(XdpEnds ends, FramePool& pool);

}  // namespace bridle::net
