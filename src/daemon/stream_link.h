// StreamLink: a connection to a unix stream socket: QEMU's monitor, the guest agent. Bytes in,
// bytes out; what they mean is the owner's business. Bytes to send are queued up to a bound; a peer
// that takes none for so long is cut off.
//
//   Retry::no    one try: `down` when it fails or ends; the link is then of no more use
//   Retry::yes   comes back by itself: every 5 ms for the first second, then every 250 ms
//
// Thread class: the loop's thread. Callbacks must not destroy the link: post that to the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "daemon/loop.h"

namespace bridle::daemon {

class StreamLink {
 public:
  enum class Retry { no, yes };
  struct Callbacks {
    std::function<void()> up;
    std::function<void(std::string_view)> bytes;
    std::function<void()> down;
  };

  StreamLink(Loop& loop, std::string path, Retry retry, Callbacks callbacks);

  // Dropped while the link is down. `beside`: a descriptor that the peer gets with these bytes, or
  // with some before them that it has not taken yet.
  void send(std::string_view bytes, Fd beside = {});
  void close();  // the peer misbehaved; with Retry::yes it starts over
  bool is_up() const { return fd_.valid(); }

 private:
  void try_connect();
  void schedule_retry();
  void failed();
  void read_some();
  void write_some();
  ssize_t write_once();
  void drop_unsent();
  void lost();

  Loop& loop_;
  std::string path_;
  Retry retry_mode_;
  Callbacks callbacks_;
  Fd fd_;
  unsigned tries_ = 0;
  std::string unsent_;
  std::vector<Fd> beside_;  // not sent yet; in order, one with each piece of bytes
  std::unique_ptr<Handle> retry_, readable_, writable_;
};

}  // namespace bridle::daemon
