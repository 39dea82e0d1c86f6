// Port: the guest's side of one vhost-user port (virtio-user, a virtio-net driver in this process).
//
// It listens at a path (server=1) or connects to it; the switch is the other side. Receive and send
// queues are one each. What is received is counted and dropped unread.
//
// Thread class: one thread. REQUIRES: rte_eal_init().
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"

struct rte_mempool;

namespace bridle::bench {

struct PortWish {
  std::string path;
  bool listens = true;
  std::array<uint8_t, 6> mac{};
  uint32_t address = 0;        // IPv4, as a number
  uint16_t descriptors = 256;  // of each ring
};

class Port {
 public:
  static Result<Port> open(const PortWish& wish, rte_mempool* pool);

  uint16_t id() const { return id_; }
  const PortWish& wish() const { return wish_; }
  bool connected() const;
  // Takes what is there, one burst at most; the number of frames.
  uint64_t drain();

 private:
  Port(uint16_t id, PortWish wish) : id_(id), wish_(std::move(wish)) {}

  uint16_t id_;
  PortWish wish_;
};

// "02:00:00:00:00:01".
Result<std::array<uint8_t, 6>> mac_address(const std::string& text);

}  // namespace bridle::bench
