// Frames to and from rte_vhost's mbufs: in, mbufs become frames; out, frames become mbufs, through
// shells where they are none.
//
// Thread class: one user at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "switch/drivers/mbuf_pool.h"
#include "switch/frame.h"

namespace bridle::net {

// The frames of received mbufs, chains and offloads included; how many. The others are released:
// their chains contradict themselves.
size_t frames_from(std::span<rte_mbuf* const> mbufs, MbufPool& pool, Frame** into);

// Mbufs that own no bytes.
class MbufShells {
 public:
  MbufShells();
  ~MbufShells();
  // Mbufs (chains) that are these frames, for one enqueue; how many, from the first on: as far as
  // there are shells. None: the first has too many parts. `own`: the pool that most frames are of.
  // Good until the next call.
  uint16_t prepare(std::span<Frame* const> frames, const FramePool* own, rte_mbuf** into);

 private:
  rte_mbuf* shell(uint8_t* data, uint32_t bytes);
  rte_mbuf* part(Frame& frame, bool own);
  rte_mbuf* assemble(Frame& frame);
  bool split(rte_mbuf& first, uint32_t at);

  static constexpr size_t count = 256;
  std::unique_ptr<rte_mbuf[]> shells_;
  size_t used_ = 0;
};

}  // namespace bridle::net
