// VhostDevice: what a vhost-user port has while its guest is connected: the device's number, its
// queues, what it negotiated, the descriptors that wake. Filled and emptied by rte_vhost's thread.
//
// Thread class: attach, detach, queue_changed: rte_vhost's thread. The rest: inside the gate.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "switch/driver.h"
#include "switch/drivers/gate.h"
#include "switch/drivers/vhost_check.h"

namespace bridle::net {

class VhostDevice {
 public:
  // REQUIRES: a valid epoll.
  explicit VhostDevice(Fd epoll);

  void attach(int vid);
  void detach();
  void queue_changed(int vid, uint16_t queue, bool enabled);

  Gate& gate() { return gate_; }
  const Gate& gate() const { return gate_; }
  int vid() const { return vid_.load(std::memory_order_relaxed); }
  uint32_t pairs() const { return pairs_.load(std::memory_order_relaxed); }
  Abilities abilities() const;

  // The guest kicks only when it passes the index it was last told (VIRTIO_F_EVENT_IDX); others
  // kick until they are told not to.
  bool kicks_by_index() const;

  int wake_descriptor() const { return epoll_.get(); }

 private:
  void watch(int vid, uint16_t queue);
  void unwatch(uint16_t queue);

  const Fd epoll_;
  const Fd came_;  // written when a device came: its guest may have been told not to kick
  Gate gate_;
  std::atomic<int> vid_{-1};
  std::atomic<uint32_t> pairs_{0};
  std::atomic<uint64_t> features_{0};
  Fd kicks_[most_queues];
};

}  // namespace bridle::net
