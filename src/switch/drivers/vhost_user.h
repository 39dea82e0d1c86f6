// VhostUserDriver: a guest's virtio-net device, its rings and buffers in memory that QEMU shares
// (vhost-user): the fast attachment. DPDK's rte_vhost does the rings; it is known in this folder
// only.
//
//   VhostHub                   once a process: DPDK, the relay's thread, who has which device
//   hub.open(path, id, pool)   a driver; QEMU listens on `path`, now or later
//
// How a frame goes. receive(): rte_vhost copies a burst out of the guest's buffers into mbufs of
// the worker's MbufPool; nothing the guest does afterwards changes them. Frames that lie in mbufs
// are sent as they are: rte_vhost copies them into the receiver's buffers. Frames of other pools
// are sent through shells, mbufs that only point at their bytes. So a frame from guest to guest is
// copied twice, and never on the way.
//
// Offloads. Guests may send unfinished checksums and TCP segments of up to 64 KiB (Offload is made
// from what rte_vhost says); what they take in turn they negotiated (abilities()). Towards the
// guest the first part is given in two pieces: rte_vhost would write a pseudo-header's sum of its
// own into a contiguous header, which is wrong for a large frame that the guest forwards.
//
// Queues: all pairs that the guest enabled (four at most) are received from; the first is sent to.
//
// Sleep. Kick eventfds are waited on inside wake_descriptor() (an epoll), by edge, and never read:
// a descriptor from a stranger may block. A port that received nothing since it was last armed is
// still armed, so that many idle ports cost little to sleep on and to wake from; most guests (with
// event indices) need never be told to be quiet. A ring that announces what cannot be taken does
// not keep the worker awake.
//
// Taken away. rte_vhost's thread tells when a device comes and goes; a gate (gate.h) makes sure
// that nobody uses it then. A device whose memory or eventfds failed (hazards.h) is shut at once
// and its connection closed; a penalty later it may come back.
//
// Trusts: nothing of the guest's, nothing of QEMU's that VhostCheck did not check (vhost_check.h).
// Thread class: as Driver; VhostHub: control.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "switch/driver.h"

namespace bridle::net {

class MbufPool;

class VhostHub {
 public:
  // `folder`: where rte_vhost's sockets are made; the process's own.
  static Result<std::unique_ptr<VhostHub>> start(const std::string& folder);
  // REQUIRES: all drivers are gone.
  ~VhostHub();

  Result<std::unique_ptr<Driver>> open(const std::string& path, uint32_t id, MbufPool& pool);
  // Why the last connection of the driver that was opened with this number was refused; empty: none
  // was.
  std::string refusal(uint32_t id) const;

  class Inside;

 private:
  explicit VhostHub(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace bridle::net
