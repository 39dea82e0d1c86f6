#include "switch/drivers/slab_pool.h"

#include <sys/mman.h>

#include <new>

#include "base/check.h"
#include "switch/drivers/chain.h"

namespace bridle::net {
namespace {

constexpr size_t huge = 2 << 20;
constexpr size_t stride = (sizeof(Frame) + headroom + part_bytes + 127) / 128 * 128;

}  // namespace

uint8_t* map_pages(size_t& bytes) {
  const size_t rounded = (bytes + huge - 1) / huge * huge;
  constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  void* memory = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, anonymous | MAP_HUGETLB, -1, 0);
  if (memory == MAP_FAILED) {
    memory = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, anonymous, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    ::madvise(memory, rounded, MADV_HUGEPAGE);  // a kernel without them says no: as good
  }
  bytes = rounded;
  return static_cast<uint8_t*>(memory);
}

Result<std::unique_ptr<SlabPool>> SlabPool::make(size_t frames) {
  size_t bytes = frames * stride;
  uint8_t* memory = map_pages(bytes);
  if (memory == nullptr) return errno_error("memory for frames");
  return std::unique_ptr<SlabPool>(new SlabPool(memory, bytes, frames));
}

SlabPool::SlabPool(uint8_t* memory, size_t bytes, size_t frames)
    : memory_(memory), bytes_(bytes), frames_(frames) {
  free_.reserve(frames);
  for (size_t i = frames; i-- > 0;)
    free_.push_back(reinterpret_cast<Frame*>(memory + i * stride));  // made when first taken
}

SlabPool::~SlabPool() { ::munmap(memory_, bytes_); }

Frame* SlabPool::take(uint32_t head) {
  if (head > part_bytes || free_.empty()) return nullptr;
  auto* frame = new (free_.back()) Frame;
  free_.pop_back();
  frame->data = reinterpret_cast<uint8_t*>(frame) + sizeof(Frame) + headroom;
  frame->head = frame->size = head;
  frame->pool = this;
  return frame;
}

void SlabPool::give(Frame* frame) {
  while (frame != nullptr) {
    Frame* next = frame->next;
    BRIDLE_ASSERT(free_.size() < frames_);
    free_.push_back(frame);
    frame = next;
  }
}

}  // namespace bridle::net
