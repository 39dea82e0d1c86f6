// VhostLink: one port's way through the relay (vhost_relay.h): two connected sockets and the
// message that is on its way.
//
// Thread class: under the relay's lock.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "switch/drivers/vhost_check.h"
#include "switch/drivers/vhost_relay.h"

namespace bridle::net {

class VhostLink {
 public:
  VhostLink(uint64_t id, std::string guest_path, std::string own_path,
            std::shared_ptr<VhostLinkFacts> facts);

  uint64_t id() const { return id_; }
  bool connected() const { return guest_.valid(); }
  int64_t due_ms() const { return due_ms_; }
  // Both sockets, or neither. They are put into `epoll` with data key(id, side).
  void connect(int epoll, int64_t now_ms);
  // What is there, as far as one message. A link that broke is closed and due again.
  void from_guest(int64_t now_ms);
  void from_own(int64_t now_ms);
  void close(int64_t due_ms);
  void punish(const std::string& why, int64_t now_ms);

  enum Side : uint64_t { guest = 0, own = 1 };
  static uint64_t key(uint64_t id, Side side) { return id << 1 | side; }

 private:
  enum class Step { more, wait, broken };
  Step read_header();
  Step read_payload();
  Step pass_on();
  std::string judge();
  Step refuse(const std::string& why);

  const uint64_t id_;
  const std::string guest_path_, own_path_;
  const std::shared_ptr<VhostLinkFacts> facts_;
  Fd guest_, own_;
  int64_t due_ms_ = 0;
  VhostCheck check_;
  std::array<uint8_t, vhost_header_size + most_vhost_payload> message_{};
  size_t have_ = 0;  // bytes of it
  std::vector<Fd> descriptors_;
  std::string refusal_;
};

}  // namespace bridle::net
