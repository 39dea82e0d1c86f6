#include "switch/memory_pool.h"

namespace bridle::net {

MemoryPool::MemoryPool(size_t frames, uint32_t part)
    : part_(part),
      count_(frames),
      frames_(std::make_unique<Frame[]>(frames)),
      bytes_(std::make_unique_for_overwrite<uint8_t[]>(frames * (headroom + part))) {
  free_.reserve(frames);
  for (size_t i = frames; i-- > 0;) {
    frames_[i].pool = this;
    free_.push_back(&frames_[i]);
  }
}

Frame* MemoryPool::take(uint32_t head) {
  if (free_.empty() || head > part_) return nullptr;
  Frame* frame = free_.back();
  free_.pop_back();
  const auto place = static_cast<size_t>(frame - frames_.get());
  frame->renew(bytes_.get() + place * (headroom + part_) + headroom, head);
  return frame;
}

void MemoryPool::give(Frame* frame) {
  while (frame != nullptr) {
    Frame* next = frame->next;
    free_.push_back(frame);
    frame = next;
  }
}

Frame* frame_of(std::span<const uint8_t> bytes, FramePool& pool) {
  Frame whole;  // nobody's: it only lends its bytes
  whole.data = const_cast<uint8_t*>(bytes.data());
  whole.head = whole.size = static_cast<uint32_t>(bytes.size());
  return copy(whole, pool);
}

std::vector<uint8_t> bytes_of(const Frame& frame) {
  std::vector<uint8_t> bytes;
  for (const Frame* part = &frame; part != nullptr; part = part->next)
    bytes.insert(bytes.end(), part->data, part->data + part->head);
  return bytes;
}

}  // namespace bridle::net
