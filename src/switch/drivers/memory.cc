#include "switch/drivers/memory.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cstring>

#include "switch/drivers/chain.h"

namespace bridle::net {

MemoryDriver::MemoryDriver(FramePool& pool)
    : pool_(pool), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void MemoryDriver::inject(std::span<const uint8_t> bytes, const Offload& offload) {
  in_.push_back({{bytes.begin(), bytes.end()}, offload});
  ::eventfd_write(event_.get(), 1);
}

std::vector<MemoryFrame> MemoryDriver::taken() {
  std::vector<MemoryFrame> all(out_.begin(), out_.end());
  out_.clear();
  return all;
}

void MemoryDriver::disarm() {
  eventfd_t seen = 0;
  ::eventfd_read(event_.get(), &seen);
}

size_t MemoryDriver::receive(std::span<Frame*> into) {
  size_t count = 0;
  while (up_ && count < into.size() && !in_.empty()) {
    const std::span<const uint8_t> bytes(in_.front().bytes);
    const size_t head = std::min<size_t>(bytes.size(), part_bytes);
    Frame* frame = pool_.take(static_cast<uint32_t>(head));
    if (frame == nullptr) break;
    std::memcpy(frame->data, bytes.data(), head);
    if (!append(*frame, bytes.subspan(head), pool_)) {
      release(frame);
      break;
    }
    frame->offload = in_.front().offload;
    in_.pop_front();
    into[count++] = frame;
  }
  if (count < into.size() && up_ && !in_.empty()) ++counters_.starved;
  return count;
}

size_t MemoryDriver::send(std::span<Frame* const> frames) {
  size_t sent = 0;
  for (Frame* frame : frames) {
    if (up_ && sent < frames.size() && out_.size() < room_) {
      MemoryFrame& copy = out_.emplace_back();
      copy.bytes.resize(frame->size);
      copy_bytes(*frame, copy.bytes);
      copy.offload = frame->offload;
      ++sent;
    }
    release(frame);
  }
  return sent;
}

}  // namespace bridle::net
