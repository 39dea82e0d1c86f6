#include "switch/drivers/ring.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "switch/drivers/chain.h"
#include "switch/drivers/virtio_header.h"

namespace bridle::net {
namespace {

constexpr size_t produced_at = 0, consumed_at = 64, sleeping_at = 128;
constexpr size_t virtio_at = 8;

constexpr uint32_t padded(uint32_t bytes) { return (bytes + 7) & ~7u; }

std::span<uint8_t> half_of(const SharedMemory& memory, unsigned half) {
  const size_t bytes = memory.size() / 2 & ~size_t{4095};
  return {memory.bytes() + half * bytes, bytes};
}

}  // namespace

RingHalf::RingHalf(std::span<uint8_t> half, Role role)
    : base_(half.data()),
      data_(half.data() + ring_control_size),
      size_(static_cast<uint32_t>(std::bit_floor(half.size() - ring_control_size))),
      mask_(size_ - 1),
      position_(control(role == Role::reader ? consumed_at : produced_at).load()) {}

std::atomic<uint32_t>& RingHalf::control(size_t at) const {
  static_assert(std::atomic<uint32_t>::is_always_lock_free);
  return *reinterpret_cast<std::atomic<uint32_t>*>(base_ + at);
}

uint32_t RingHalf::available() {
  seen_ = control(produced_at).load(std::memory_order_acquire);
  const uint32_t ahead = seen_ - position_;
  if (ahead <= size_) return ahead;
  lied_ = true;
  skip_all();
  return 0;
}

void RingHalf::read(uint32_t at, std::span<uint8_t> into) const {
  const uint32_t from = (position_ + at) & mask_;
  const size_t first = std::min<size_t>(into.size(), size_ - from);
  std::memcpy(into.data(), data_ + from, first);
  std::memcpy(into.data() + first, data_, into.size() - first);
}

void RingHalf::done(uint32_t bytes) {
  position_ += bytes;
  control(consumed_at).store(position_, std::memory_order_release);
}

void RingHalf::skip_all() {
  position_ = seen_;
  control(consumed_at).store(position_, std::memory_order_release);
}

void RingHalf::set_sleeping(bool sleeping) {
  control(sleeping_at).store(sleeping ? 1 : 0, std::memory_order_seq_cst);
}

uint32_t RingHalf::room() {
  const uint32_t used = position_ - control(consumed_at).load(std::memory_order_acquire);
  if (used > size_) {
    lied_ = true;
    return 0;
  }
  return size_ - used - std::min(written_, size_ - used);
}

void RingHalf::write(std::span<const uint8_t> bytes) {
  const uint32_t to = (position_ + written_) & mask_;
  const size_t first = std::min<size_t>(bytes.size(), size_ - to);
  std::memcpy(data_ + to, bytes.data(), first);
  std::memcpy(data_, bytes.data() + first, bytes.size() - first);
  written_ += static_cast<uint32_t>(bytes.size());
}

void RingHalf::publish() {
  position_ += written_;
  written_ = 0;
  control(produced_at).store(position_, std::memory_order_seq_cst);
}

void RingHalf::forget() { written_ = 0; }

bool RingHalf::reader_sleeps() const {
  return control(sleeping_at).load(std::memory_order_seq_cst) != 0;
}

RingDriver::RingDriver(SharedMemory memory, RingEnds ends, FramePool& pool)
    : memory_(std::move(memory)),
      ends_(std::move(ends)),
      pool_(pool),
      in_(half_of(memory_, 1 - ends_.side), RingHalf::Role::reader),
      out_(half_of(memory_, ends_.side), RingHalf::Role::writer) {}

Abilities RingDriver::abilities() const { return {true, true, true, true, largest_frame}; }

DriverCounters RingDriver::counters() const {
  return {.malformed = malformed_.load(std::memory_order_relaxed),
          .starved = starved_.load(std::memory_order_relaxed)};
}

// What is in the ring makes no sense: none of it is believed.
Frame* RingDriver::lie() {
  malformed_.fetch_add(1, std::memory_order_relaxed);
  in_.skip_all();
  return nullptr;
}

Frame* RingDriver::take_one() {
  const uint32_t there = in_.available();
  if (in_.lied()) return lie();
  if (there == 0) return nullptr;
  if (there < ring_record_size) return lie();
  uint8_t header[ring_record_size];
  in_.read(0, header);
  uint32_t size = 0;
  std::memcpy(&size, header, sizeof size);
  if (size == 0 || size > largest_frame || padded(ring_record_size + size) > there) return lie();
  const auto offload = offload_from({header + virtio_at, virtio_header_size}, size);
  if (!offload) return lie();
  const uint32_t head = std::min(size, part_bytes);
  Frame* frame = pool_.take(head);
  if (frame != nullptr) {
    in_.read(ring_record_size, {frame->data, head});
    frame->offload = *offload;
    const std::span<uint8_t> rest = scratch(0).first(size - head);
    in_.read(ring_record_size + head, rest);
    if (!append(*frame, rest, pool_)) {
      release(frame);
      frame = nullptr;
    }
  }
  if (frame == nullptr) {
    starved_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;  // it stays in the ring
  }
  in_.done(padded(ring_record_size + size));
  return frame;
}

size_t RingDriver::receive(std::span<Frame*> into) {
  size_t count = 0;
  while (up() && count < into.size()) {
    Frame* frame = take_one();
    if (frame == nullptr) break;
    into[count++] = frame;
  }
  return count;
}

bool RingDriver::put_one(const Frame& frame) {
  const uint32_t bytes = padded(ring_record_size + frame.size);
  if (frame.size == 0 || frame.size > largest_frame || out_.room() < bytes) return false;
  uint8_t header[ring_record_size] = {};
  std::memcpy(header, &frame.size, sizeof frame.size);
  offload_to(frame.offload, {header + virtio_at, virtio_header_size});
  out_.write(header);
  uint32_t written = 0;
  for (const Frame* part = &frame; part != nullptr; part = part->next) {
    out_.write(part->bytes());
    written += part->head;
  }
  const uint8_t zero[8] = {};
  out_.write({zero, bytes - ring_record_size - written});
  return true;
}

void RingDriver::wake_other() {
  if (::eventfd_write(ends_.theirs.get(), 1) != 0 && errno == EINTR) up_.store(false);
}

size_t RingDriver::send(std::span<Frame* const> frames) {
  size_t sent = 0;
  while (up() && sent < frames.size() && put_one(*frames[sent])) ++sent;
  if (out_.lied()) malformed_.fetch_add(1, std::memory_order_relaxed);
  if (sent > 0) out_.publish();
  if (sent > 0 && out_.reader_sleeps()) wake_other();
  for (Frame* frame : frames) release(frame);
  return sent;
}

bool RingDriver::arm() {
  in_.set_sleeping(true);
  return in_.available() > 0;
}

void RingDriver::disarm() { in_.set_sleeping(false); }

Result<std::unique_ptr<Driver>> open_ring(RingEnds ends, FramePool& pool) {
  if (ends.side > 1) return Error(Code::invalid, "a ring has the sides 0 and 1");
  for (const Fd* event : {&ends.mine, &ends.theirs}) {
    const int flags = ::fcntl(event->get(), F_GETFL);
    if (flags < 0 || ::fcntl(event->get(), F_SETFL, flags | O_NONBLOCK) != 0)
      return errno_error("making a ring's eventfd non-blocking");
  }
  BRIDLE_TRY(SharedMemory memory, SharedMemory::map(ends.memory.get(), least_ring_memory));
  return std::make_unique<RingDriver>(std::move(memory), std::move(ends), pool);
}

}  // namespace bridle::net
