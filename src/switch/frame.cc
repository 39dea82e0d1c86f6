#include "switch/frame.h"

#include <algorithm>
#include <cstring>

namespace bridle::net {
namespace {

constexpr uint32_t usual_part = 2048, smallest_part = 256;

// Bytes of a chain, read from front to back.
class Source {
 public:
  explicit Source(const Frame& frame) : part_(&frame) {}
  // REQUIRES: the chain has so many.
  void read(uint8_t* into, uint32_t count) {
    while (count > 0) {
      const uint32_t now = std::min(count, part_->head - at_);
      std::memcpy(into, part_->data + at_, now);
      into += now, at_ += now, count -= now;
      if (at_ == part_->head) part_ = part_->next, at_ = 0;
    }
  }

 private:
  const Frame* part_;
  uint32_t at_ = 0;
};

// As much of `wanted` as the pool gives in one part.
Frame* take_part(FramePool& pool, uint32_t wanted) {
  for (uint32_t size = usual_part; size >= smallest_part; size /= 2)
    if (Frame* frame = pool.take(std::min(wanted, size)); frame != nullptr) return frame;
  return nullptr;
}

void copy_knowledge(const Frame& from, Frame& to) {
  to.offload = from.offload;
  to.from = from.from;
  to.to = from.to;
  to.group = from.group;
  to.vlan = from.vlan;
  to.mirrored = from.mirrored;
  to.headers = from.headers;
}

}  // namespace

Frame* copy(const Frame& frame, FramePool& pool) {
  Source source(frame);
  Frame* first = pool.take(frame.size);
  if (first == nullptr) first = take_part(pool, frame.size);
  if (first == nullptr) return nullptr;
  source.read(first->data, first->head);
  first->size = frame.size;
  copy_knowledge(frame, *first);
  uint32_t rest = frame.size - first->head;
  for (Frame* last = first; rest > 0; last = last->next) {
    last->next = take_part(pool, rest);
    if (last->next == nullptr) {
      pool.give(first);
      return nullptr;
    }
    source.read(last->next->data, last->next->head);
    rest -= last->next->head;
  }
  return first;
}

}  // namespace bridle::net
