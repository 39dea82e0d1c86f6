#include "switch/drivers/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "switch/drivers/chain.h"
#include "switch/drivers/virtio_header.h"

namespace bridle::net {

TapDriver::TapDriver(Fd device, FramePool& pool, Abilities abilities)
    : device_(std::move(device)), pool_(pool), abilities_(abilities) {}

DriverCounters TapDriver::counters() const {
  return {.malformed = malformed_.load(std::memory_order_relaxed),
          .starved = starved_.load(std::memory_order_relaxed)};
}

bool TapDriver::finish(Frame& frame, std::span<const uint8_t> header, size_t bytes) {
  const auto size =
      static_cast<uint32_t>(bytes > virtio_header_size ? bytes - virtio_header_size : 0);
  frame.head = frame.size = std::min(size, part_bytes);
  const auto offload = offload_from(header, size);
  if (size == 0 || size > largest_frame || !offload) {
    malformed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  frame.offload = *offload;
  if (size <= part_bytes || append(frame, scratch(0).first(size - part_bytes), pool_)) return true;
  starved_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

size_t TapDriver::receive(std::span<Frame*> into) {
  size_t kept = 0;
  while (kept < into.size()) {
    Frame* frame = pool_.take(part_bytes);
    if (frame == nullptr) {
      starved_.fetch_add(1, std::memory_order_relaxed);
      break;
    }
    uint8_t header[virtio_header_size];
    const iovec parts[3] = {
        {header, sizeof header}, {frame->data, part_bytes}, {scratch(0).data(), rest_bytes}};
    const ssize_t got = ::readv(device_.get(), parts, 3);
    if (got <= 0) {
      if (got < 0 && errno == EBADFD) up_.store(false, std::memory_order_relaxed);
      release(frame);
      break;
    }
    if (finish(*frame, header, static_cast<size_t>(got)))
      into[kept++] = frame;
    else
      release(frame);
  }
  return kept;
}

bool TapDriver::send_one(const Frame& frame) {
  uint8_t header[virtio_header_size];
  offload_to(frame.offload, header);
  iovec parts[most_parts + 1] = {{header, sizeof header}};
  const size_t more = gather(frame, {parts + 1, most_parts});
  if (more == 0) return false;
  const ssize_t done = ::writev(device_.get(), parts, static_cast<int>(more + 1));
  if (done < 0 && errno == EBADFD) up_.store(false, std::memory_order_relaxed);
  return done >= 0;
}

size_t TapDriver::send(std::span<Frame* const> frames) {
  size_t sent = 0;
  while (sent < frames.size() && send_one(*frames[sent])) ++sent;
  for (Frame* frame : frames) release(frame);
  return sent;
}

Result<std::unique_ptr<Driver>> open_tap(Fd device, FramePool& pool, uint32_t mtu) {
  ifreq request{};
  if (::ioctl(device.get(), TUNGETIFF, &request) != 0) return errno_error("asking a TAP device");
  if ((request.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) !=
      (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return Error(Code::invalid, "a TAP device without IFF_NO_PI and IFF_VNET_HDR was handed over");
  int size = virtio_header_size;
  if (::ioctl(device.get(), TUNSETVNETHDRSZ, &size) != 0)
    return errno_error("setting a TAP device's header");
  constexpr unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (::ioctl(device.get(), TUNSETOFFLOAD, offloads) != 0)
    return errno_error("setting a TAP device's offloads");
  const int flags = ::fcntl(device.get(), F_GETFL);
  if (flags < 0 || ::fcntl(device.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return errno_error("making a TAP device non-blocking");
  const Abilities abilities{.checksum = true,
                            .segments4 = true,
                            .segments6 = true,
                            .largest = (mtu == 0 ? 1500 : mtu) + ethernet_header + 4};
  return std::make_unique<TapDriver>(std::move(device), pool, abilities);
}

}  // namespace bridle::net
