// SlabPool: a worker's frames in one piece of memory, for switches without vhost-user ports and for
// tests. Huge pages are used where there are any; memory that no frame was ever in is not touched.
//
//   BRIDLE_TRY(auto pool, SlabPool::make(8192));
//
// Each frame has part_bytes behind its headroom; larger ones are chains (chain.h).
//
// Thread class: one worker's.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "switch/frame.h"

namespace bridle::net {

class SlabPool final : public FramePool {
 public:
  static Result<std::unique_ptr<SlabPool>> make(size_t frames);
  ~SlabPool() override;
  SlabPool(const SlabPool&) = delete;
  SlabPool& operator=(const SlabPool&) = delete;

  Frame* take(uint32_t head) override;
  void give(Frame* frame) override;

  size_t available() const { return free_.size(); }
  size_t capacity() const { return frames_; }

 private:
  SlabPool(uint8_t* memory, size_t bytes, size_t frames);

  uint8_t* memory_;
  size_t bytes_, frames_;
  std::vector<Frame*> free_;
};

// Anonymous memory in huge pages if the host has any free, else in pages that the kernel may make
// huge. Null: there is none. Give back with munmap(2).
uint8_t* map_pages(size_t& bytes);  // rounded up to what was mapped

}  // namespace bridle::net
