#include "switch/drivers/af_xdp.h"

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "switch/drivers/chain.h"
#include "switch/drivers/socket_option.h"

#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef AF_XDP
#define AF_XDP 44
#endif

namespace bridle::net {
namespace {

constexpr uint32_t kernel_headroom = 256;  // XDP_PACKET_HEADROOM

struct Place {
  const xdp_ring_offset* offsets;
  uint64_t page;
  uint32_t entry_size;
};

Place place_of(const xdp_mmap_offsets& all, int option) {
  switch (option) {
    case XDP_UMEM_FILL_RING:
      return {&all.fr, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t)};
    case XDP_UMEM_COMPLETION_RING:
      return {&all.cr, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)};
    case XDP_TX_RING:
      return {&all.tx, XDP_PGOFF_TX_RING, sizeof(xdp_desc)};
    default:
      return {&all.rx, XDP_PGOFF_RX_RING, sizeof(xdp_desc)};
  }
}

}  // namespace

Result<XdpRing> XdpRing::map(int socket, int option, uint32_t entries) {
  xdp_mmap_offsets all{};
  socklen_t size = sizeof all;
  if (::getsockopt(socket, SOL_XDP, XDP_MMAP_OFFSETS, &all, &size) != 0 || size != sizeof all)
    return errno_error("asking for an AF_XDP socket's rings");
  const Place place = place_of(all, option);
  const size_t bytes = place.offsets->desc + size_t{entries} * place.entry_size;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, socket,
                        static_cast<off_t>(place.page));
  if (memory == MAP_FAILED) return errno_error("mapping an AF_XDP socket's ring");
  XdpRing ring;
  ring.base_ = static_cast<uint8_t*>(memory);
  ring.bytes_ = bytes;
  const auto counter = [&](uint64_t at) {
    return reinterpret_cast<std::atomic<uint32_t>*>(ring.base_ + at);
  };
  ring.producer_ = counter(place.offsets->producer);
  ring.consumer_ = counter(place.offsets->consumer);
  ring.flags_ = counter(place.offsets->flags);
  ring.entries_ = ring.base_ + place.offsets->desc;
  ring.entry_size_ = place.entry_size;
  ring.size_ = entries;
  const bool written_here = option == XDP_UMEM_FILL_RING || option == XDP_TX_RING;
  ring.position_ = (written_here ? ring.producer_ : ring.consumer_)->load();
  return ring;
}

XdpRing& XdpRing::operator=(XdpRing&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  producer_ = other.producer_;
  consumer_ = other.consumer_;
  flags_ = other.flags_;
  entries_ = other.entries_;
  entry_size_ = other.entry_size_;
  size_ = other.size_;
  position_ = other.position_;
  return *this;
}

XdpRing::~XdpRing() {
  if (base_ != nullptr) ::munmap(base_, bytes_);
}

uint32_t XdpRing::readable() const {
  return std::min(producer_->load(std::memory_order_acquire) - position_, size_);
}

uint32_t XdpRing::writable() const {
  return size_ - std::min(position_ - consumer_->load(std::memory_order_acquire), size_);
}

void* XdpRing::entry(uint32_t ahead) const {
  return entries_ + size_t{(position_ + ahead) & (size_ - 1)} * entry_size_;
}

void XdpRing::consume(uint32_t entries) {
  position_ += entries;
  consumer_->store(position_, std::memory_order_release);
}

void XdpRing::produce(uint32_t entries) {
  position_ += entries;
  producer_->store(position_, std::memory_order_release);
}

bool XdpRing::needs_wakeup() const {
  return (flags_->load(std::memory_order_relaxed) & XDP_RING_NEED_WAKEUP) != 0;
}

XdpDriver::XdpDriver(XdpEnds ends, SharedMemory umem, Rings rings, FramePool& pool)
    : ends_(std::move(ends)),
      umem_(std::move(umem)),
      rings_(std::move(rings)),
      pool_(pool),
      largest_(std::min((ends_.mtu == 0 ? 1500 : ends_.mtu) + ethernet_header + 4,
                        ends_.frame_size - kernel_headroom)) {
  const uint64_t frames = umem_.size() / ends_.frame_size;
  for (uint64_t frame = frames / 2; frame < frames; ++frame)
    free_.push_back(frame * ends_.frame_size);
  for (uint64_t frame = 0; frame < frames / 2 && rings_.fill.writable() > 0; ++frame)
    give_back(frame * ends_.frame_size);
}

DriverCounters XdpDriver::counters() const {
  return {.malformed = malformed_.load(std::memory_order_relaxed),
          .starved = starved_.load(std::memory_order_relaxed)};
}

void XdpDriver::give_back(uint64_t address) {
  *static_cast<uint64_t*>(rings_.fill.entry(0)) = address;
  rings_.fill.produce(1);
}

Frame* XdpDriver::copy_in(uint64_t address, uint32_t size) {
  const uint32_t head = std::min(size, part_bytes);
  Frame* frame = pool_.take(head);
  if (frame == nullptr) return nullptr;
  const uint8_t* bytes = umem_.bytes() + address;
  std::memcpy(frame->data, bytes, head);
  if (append(*frame, {bytes + head, size - head}, pool_)) return frame;
  release(frame);
  return nullptr;
}

size_t XdpDriver::receive(std::span<Frame*> into) {
  const uint32_t there =
      std::min<uint32_t>(rings_.receive.readable(), static_cast<uint32_t>(into.size()));
  size_t count = 0;
  uint32_t taken = 0;
  for (; taken < there && rings_.fill.writable() > 0; ++taken) {
    const xdp_desc about = *static_cast<const xdp_desc*>(rings_.receive.entry(taken));
    if (about.len == 0 || about.len > ends_.frame_size || about.addr > umem_.size() - about.len) {
      malformed_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    Frame* frame = copy_in(about.addr, about.len);
    if (frame == nullptr) {
      starved_.fetch_add(1, std::memory_order_relaxed);
      break;
    }
    give_back(about.addr / ends_.frame_size * ends_.frame_size);
    into[count++] = frame;
  }
  if (taken > 0) rings_.receive.consume(taken);
  if (taken > 0 && rings_.fill.needs_wakeup())
    ::recvfrom(ends_.socket.get(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
  return count;
}

void XdpDriver::collect_sent() {
  const uint32_t done = rings_.completion.readable();
  for (uint32_t i = 0; i < done; ++i) {
    const uint64_t address = *static_cast<const uint64_t*>(rings_.completion.entry(i));
    const uint64_t frame = address / ends_.frame_size * ends_.frame_size;
    const bool ours = frame >= umem_.size() / 2 && frame + ends_.frame_size <= umem_.size();
    if (ours && free_.size() < umem_.size() / ends_.frame_size)
      free_.push_back(frame);
    else
      malformed_.fetch_add(1, std::memory_order_relaxed);
  }
  if (done > 0) rings_.completion.consume(done);
}

bool XdpDriver::put_one(const Frame& frame, uint32_t place) {
  if (free_.empty() || frame.size > largest_ || place >= rings_.send.writable()) return false;
  const uint64_t address = free_.back();
  free_.pop_back();
  copy_bytes(frame, {umem_.bytes() + address, ends_.frame_size});
  *static_cast<xdp_desc*>(rings_.send.entry(place)) = {address, frame.size, 0};
  return true;
}

void XdpDriver::kick() {
  const ssize_t kicked = ::sendto(ends_.socket.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0);
  const bool down = kicked < 0 && (errno == ENETDOWN || errno == ENXIO || errno == EBADF);
  up_.store(!down, std::memory_order_relaxed);
}

size_t XdpDriver::send(std::span<Frame* const> frames) {
  collect_sent();
  size_t sent = 0;
  while (sent < frames.size() && put_one(*frames[sent], static_cast<uint32_t>(sent))) ++sent;
  if (sent > 0) rings_.send.produce(static_cast<uint32_t>(sent));
  if (sent > 0 || free_.empty()) kick();  // copy mode sends inside the call, 32 at most a time
  for (Frame* frame : frames) release(frame);
  return sent;
}

Result<std::unique_ptr<Driver>> open_xdp(XdpEnds ends, FramePool& pool) {
  const uint32_t entries = ends.ring_entries;
  const bool sizes = std::has_single_bit(entries) && entries <= 65536 &&
                     (ends.frame_size == 2048 || ends.frame_size == 4096);
  if (!sizes) return Error(Code::invalid, "an AF_XDP socket of unheard geometry was handed over");
  BRIDLE_CHECK(require_socket(ends.socket.get(), AF_XDP, SOCK_RAW));
  BRIDLE_TRY(SharedMemory umem, SharedMemory::map(ends.umem.get(), size_t{4} * ends.frame_size));
  const int socket = ends.socket.get();
  XdpDriver::Rings rings;
  BRIDLE_TRY(rings.fill, XdpRing::map(socket, XDP_UMEM_FILL_RING, entries));
  BRIDLE_TRY(rings.completion, XdpRing::map(socket, XDP_UMEM_COMPLETION_RING, entries));
  BRIDLE_TRY(rings.receive, XdpRing::map(socket, XDP_RX_RING, entries));
  BRIDLE_TRY(rings.send, XdpRing::map(socket, XDP_TX_RING, entries));
  return std::make_unique<XdpDriver>(std::move(ends), std::move(umem), std::move(rings), pool);
}

}  // namespace bridle::net
