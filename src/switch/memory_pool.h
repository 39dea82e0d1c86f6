// MemoryPool: frames in ordinary memory. For tests, for questions (trace), and wherever no driver
// brings a pool of its own.
//
// A frame has `part` bytes behind its headroom; larger ones are chains. Empty is empty: it never
// grows. Frames and bytes are kept apart, so that the frames of a burst lie close together.
//
// Thread class: one worker's.
#pragma once

#include <memory>
#include <vector>

#include "switch/frame.h"

namespace bridle::net {

class MemoryPool final : public FramePool {
 public:
  explicit MemoryPool(size_t frames, uint32_t part = 2048);

  Frame* take(uint32_t head) override;
  void give(Frame* frame) override;
  size_t free() const { return free_.size(); }
  size_t size() const { return count_; }

 private:
  uint32_t part_;
  size_t count_;
  std::unique_ptr<Frame[]> frames_;
  std::unique_ptr<uint8_t[]> bytes_;
  std::vector<Frame*> free_;
};

// Puts these bytes into a frame of the pool, as a chain where they are too many for one part.
// Null: the pool is empty.
Frame* frame_of(std::span<const uint8_t> bytes, FramePool& pool);
// All bytes of a chain.
std::vector<uint8_t> bytes_of(const Frame& frame);

}  // namespace bridle::net
