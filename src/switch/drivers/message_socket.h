// MessageSocket: bursts of frames over a socket that keeps messages apart (recvmmsg, sendmmsg):
// what unix datagram and AF_PACKET ports have in common.
//
//   receive  each frame is read straight into a part of the pool, its rest (if any) into scratch
//            and from there into further parts. What is empty or larger than largest_frame, or
//            whose virtio header does not fit it, is dropped and counted as malformed. A stripped
//            VLAN tag (PACKET_AUXDATA) is put back
//   send     in order, until the socket takes no more; everything is released
//   up       until the other side is gone for good (ECONNREFUSED, ECONNRESET, ENOTCONN, EPIPE)
//
// Thread class: as Driver.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <span>

#include "base/fd.h"
#include "switch/driver.h"

namespace bridle::net {

struct MessageFormat {
  bool virtio_header = false;  // virtio_header_size bytes before each frame, both ways
  bool auxiliary = false;      // PACKET_AUXDATA comes beside received frames
};

class MessageSocket {
 public:
  MessageSocket(Fd socket, FramePool& pool, MessageFormat format);

  size_t receive(std::span<Frame*> into);
  size_t send(std::span<Frame* const> frames);
  bool up() const { return up_.load(std::memory_order_relaxed); }
  int descriptor() const { return socket_.get(); }
  DriverCounters counters() const;

 private:
  struct Arrived;
  size_t take_frames(std::span<Frame*> into);
  bool finish(Frame& frame, const Arrived& arrived);
  bool put_back_tag(Frame& frame, const msghdr& message);
  size_t hand_over(std::span<Frame* const> frames);
  void failed(int error);

  const Fd socket_;
  FramePool& pool_;
  const MessageFormat format_;
  size_t expected_ = 4;  // frames taken from the pool before asking: twice what came last
  std::atomic<bool> up_{true};
  std::atomic<uint64_t> malformed_{0}, starved_{0};
};

}  // namespace bridle::net
