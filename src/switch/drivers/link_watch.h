// LinkWatch: whether the interface that a packet socket is bound to is up and has a carrier, asked
// over the socket itself (SIOCGIFFLAGS looks into the socket's network namespace, not the
// process's), at most every 5 ms.
//
// Thread class: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace bridle::net {

class LinkWatch {
 public:
  // REQUIRES: the socket outlives it.
  static Result<LinkWatch> of(int packet_socket);
  LinkWatch(const LinkWatch& other)
      : socket_(other.socket_), name_(other.name_), up_(other.up_.load()) {}

  bool up();
  const std::string& name() const { return name_; }

 private:
  LinkWatch(int socket, std::string name) : socket_(socket), name_(std::move(name)) {}

  int socket_;
  std::string name_;
  std::atomic<int64_t> asked_ms_{0};
  std::atomic<bool> up_{true};
};

}  // namespace bridle::net
