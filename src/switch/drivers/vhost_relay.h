// VhostRelay: the way of vhost-user messages between guests' QEMUs and rte_vhost. QEMU listens on a
// path; the relay connects to it, again and again until somebody is there, and connects to
// rte_vhost's own socket in this process's folder on its behalf. Each message of QEMU's is read
// whole, checked (vhost_check.h) and handed on whole with its descriptors; replies go back as they
// are.
//
// So rte_vhost never waits for the rest of a message (its one thread serves every guest), never
// sees what VhostCheck refuses, and a switch that comes back is connected at its first try.
//
//   QEMU --path--> [link: bytes, check] --folder/vN.sock--> rte_vhost's thread --> callbacks
//
// A link that breaks (either side closed, a refused message, a reply that QEMU does not take)
// closes both ends and is tried again: after retry_ms, or after penalty_ms if the front end was at
// fault.
//
// Thread class: start, add, remove, reset: control. One thread of its own does the rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace bridle::net {

constexpr int retry_ms = 100, penalty_ms = 2000;

// What a link has seen; shared with its port.
struct VhostLinkFacts {
  std::atomic<uint64_t> connects{0};
  std::atomic<uint64_t> refused{0};  // messages
  std::atomic<bool> unsealed{false};
  std::mutex mutex;
  std::string last_refusal;  // under mutex
};

class VhostLink;

class VhostRelay {
 public:
  static Result<std::unique_ptr<VhostRelay>> start();
  ~VhostRelay();

  // Returns the link's number.
  uint64_t add(std::string guest_path, std::string own_path, std::shared_ptr<VhostLinkFacts> facts);
  // Both ends are closed when it returns.
  void remove(uint64_t link);
  // The guest's side did something that ends its connection: as a refused message. From any thread.
  void reset(uint64_t link);

 private:
  VhostRelay(Fd epoll, Fd wake);
  void run();
  void serve(uint64_t key, uint32_t events);
  void connect_due(int64_t now_ms);
  int next_timeout(int64_t now_ms) const;
  VhostLink* find(uint64_t link) const;

  Fd epoll_, wake_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<VhostLink>> links_;
  uint64_t next_ = 1;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace bridle::net
