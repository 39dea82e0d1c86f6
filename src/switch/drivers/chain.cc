#include "switch/drivers/chain.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/check.h"
#include "switch/driver.h"

namespace bridle::net {

bool append(Frame& frame, std::span<const uint8_t> rest, FramePool& pool) {
  Frame* last = &frame;
  while (!rest.empty()) {
    const auto bytes = static_cast<uint32_t>(std::min<size_t>(rest.size(), part_bytes));
    Frame* part = pool.take(bytes);
    if (part == nullptr) return false;
    std::memcpy(part->data, rest.data(), bytes);
    last->next = part;
    last = part;
    frame.size += bytes;
    rest = rest.subspan(bytes);
  }
  return true;
}

size_t gather(const Frame& frame, std::span<iovec> into) {
  size_t count = 0;
  for (const Frame* part = &frame; part != nullptr; part = part->next) {
    if (count == into.size()) return 0;
    into[count++] = {part->data, part->head};
  }
  return count;
}

std::span<uint8_t> scratch(size_t index) {
  BRIDLE_ASSERT(index < burst);
  // Pages that are never written cost nothing.
  thread_local const std::unique_ptr<uint8_t[]> area(new uint8_t[burst * rest_bytes]);
  return {area.get() + index * rest_bytes, rest_bytes};
}

size_t copy_bytes(const Frame& frame, std::span<uint8_t> into) {
  size_t copied = 0;
  for (const Frame* part = &frame; part != nullptr; part = part->next) {
    const size_t bytes = std::min<size_t>(part->head, into.size() - copied);
    std::memcpy(into.data() + copied, part->data, bytes);
    copied += bytes;
  }
  return copied;
}

}  // namespace bridle::net
