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

// The frame of a received mbuf, chain and offload included. False: its chain contradicts itself.
bool frame_from(rte_mbuf* mbuf, MbufPool& pool);

// Mbufs that own no bytes.
class MbufShells {
 public:
  MbufShells();
  ~MbufShells();
  // All are free again.
  void clear() { used_ = 0; }
  // An mbuf (chain) that is this frame, for one enqueue. Null: too few shells are left; clear()
  // after what was prepared is sent. With none used yet null means that the frame has too many
  // parts.
  rte_mbuf* prepare(Frame& frame);

 private:
  rte_mbuf* shell(uint8_t* data, uint32_t bytes);
  rte_mbuf* part(Frame& frame, bool own);
  bool split(rte_mbuf& first, uint32_t at);

  static constexpr size_t count = 256;
  std::unique_ptr<rte_mbuf[]> shells_;
  size_t used_ = 0;
};

}  // namespace bridle::net
