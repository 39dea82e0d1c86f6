// MbufPool: a worker's frames as DPDK's mbufs, so that what comes from one vhost-user guest goes to
// another without a copy beside the two that vhost makes (out of one guest's memory, into the
// other's).
//
// The Frame of each mbuf lies in its private area. A frame that is a chain is a chain of mbufs;
// which links count is for the frame's holder to say (Frame::next), and the driver that sends puts
// the mbufs' in order. Memory is as SlabPool's: huge pages where there are any.
//
// Thread class: one worker's, which calls register_thread() first (a cache of free mbufs is its
// own). REQUIRES: start_eal().
#pragma once

#include <memory>

#include "base/result.h"
#include "switch/frame.h"

struct rte_mempool;
struct rte_mbuf;

namespace bridle::net {

// DPDK's environment: once a process, before any pool. `folder`: where it may make files (it makes
// none, but asks for one). Quiet, without devices, huge pages, shared files or sockets.
Status start_eal(const std::string& folder);

class MbufPool final : public FramePool {
 public:
  static Result<std::unique_ptr<MbufPool>> make(const std::string& name, size_t frames);
  ~MbufPool() override;
  MbufPool(const MbufPool&) = delete;
  MbufPool& operator=(const MbufPool&) = delete;

  Frame* take(uint32_t head) override;
  void give(Frame* frame) override;
  void give_all(std::span<Frame* const> frames) override;

  size_t available() const;
  size_t capacity() const { return frames_; }
  rte_mempool* mempool() const { return pool_; }

  static void register_thread();

 private:
  MbufPool(rte_mempool* pool, size_t frames) : pool_(pool), frames_(frames) {}

  rte_mempool* pool_;
  size_t frames_;
};

// Whether frames of this pool lie in mbufs.
bool is_mbuf_pool(const FramePool* pool);

// The Frame lies right behind its mbuf (rte_mbuf_to_priv()), which is of a fixed size.
constexpr size_t mbuf_bytes = 128;
// REQUIRES: the frame is of an MbufPool; the mbuf, too.
inline rte_mbuf* mbuf_of(const Frame* frame) {
  return reinterpret_cast<rte_mbuf*>(reinterpret_cast<uintptr_t>(frame) - mbuf_bytes);
}
inline Frame* frame_of(rte_mbuf* mbuf) {
  return reinterpret_cast<Frame*>(reinterpret_cast<uintptr_t>(mbuf) + mbuf_bytes);
}

}  // namespace bridle::net
