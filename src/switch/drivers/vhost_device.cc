#include "switch/drivers/vhost_device.h"

#include <rte_vhost.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "switch/frame.h"

namespace bridle::net {
namespace {

// Feature bits (virtio 1.2, 5.1.3); linux/virtio_net.h is no C++.
constexpr unsigned takes_partial_checksums = 1, takes_tcp4 = 7, takes_tcp6 = 8, merges_buffers = 15,
                   event_index = 29;

bool has(uint64_t features, unsigned bit) { return (features >> bit & 1) != 0; }

// Queues that the guest sends by are the odd ones.
constexpr bool guest_sends(uint16_t queue) { return queue % 2 == 1; }

}  // namespace

VhostDevice::VhostDevice(Fd epoll)
    : epoll_(std::move(epoll)), came_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u32 = most_queues}};
  if (came_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, came_.get(), &event);
}

void VhostDevice::attach(int vid) {
  uint64_t features = 0;
  rte_vhost_get_negotiated_features(vid, &features);
  features_.store(features);
  const auto queues = std::min<uint32_t>(rte_vhost_get_vring_num(vid), most_queues);
  pairs_.store(queues / 2);
  for (uint16_t queue = 1; queue < queues; queue = static_cast<uint16_t>(queue + 2)) {
    watch(vid, queue);
    rte_vhost_enable_guest_notification(vid, queue, 0);
  }
  vid_.store(vid);
  gate_.open();
  // A worker that sleeps does not know of it.
  ::eventfd_write(came_.get(), 1);
}

void VhostDevice::detach() {
  gate_.close();
  vid_.store(-1);
  for (uint16_t queue = 0; queue < most_queues; ++queue) unwatch(queue);
}

// Under rte_vhost's lock of the queue: nothing here may take it.
void VhostDevice::queue_changed(int vid, uint16_t queue, bool enabled) {
  if (queue >= most_queues || !guest_sends(queue) || vid_.load() != vid) return;
  if (enabled)
    watch(vid, queue);
  else
    unwatch(queue);
}

// A duplicate, so that it can be taken out of the epoll whatever rte_vhost closes.
void VhostDevice::watch(int vid, uint16_t queue) {
  unwatch(queue);
  rte_vhost_vring ring{};
  if (rte_vhost_get_vhost_vring(vid, queue, &ring) != 0 || ring.kickfd < 0) return;
  auto kick = Fd(::dup(ring.kickfd));
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u32 = queue}};
  if (kick && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, kick.get(), &event) == 0)
    kicks_[queue] = std::move(kick);
}

void VhostDevice::unwatch(uint16_t queue) {
  if (!kicks_[queue]) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, kicks_[queue].get(), nullptr);
  kicks_[queue].reset();
}

bool VhostDevice::kicks_by_index() const {
  return has(features_.load(std::memory_order_relaxed), event_index);
}

Abilities VhostDevice::abilities() const {
  const uint64_t features = features_.load(std::memory_order_relaxed);
  const bool large =
      has(features, merges_buffers) || has(features, takes_tcp4) || has(features, takes_tcp6);
  return {.checksum = has(features, takes_partial_checksums),
          .segments4 = has(features, takes_tcp4),
          .segments6 = has(features, takes_tcp6),
          .segments_udp = false,
          .largest = large ? largest_frame : 1518};
}

}  // namespace bridle::net
