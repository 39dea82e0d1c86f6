// Driver: what joins a port to something outside of the switch: a guest (vhost-user, datagram
// socket), the host (TAP, AF_XDP, AF_PACKET), the switch of another zone (ring). The only rooms
// that know how are in switch/drivers.
//
// Rules:
//   - receive() copies: what it returns nobody outside can still write to.
//   - Neither call blocks, allocates on the way of a frame, or trusts a length from outside.
//   - Sleep: the worker calls arm() when it has nothing to do; from then on wake_descriptor()
//     becomes readable, or readable once more (workers wait by edge, EPOLLET, and read nothing from
//     it), when there is something to receive; arm() says whether something came
//     meanwhile (then the worker does not sleep). disarm() when it is awake again; of a driver that
//     is not armed it does nothing.
//   - A driver that lost its other side (a guest ended) is down, and comes up by itself when that
//     is there again. What it is given meanwhile is dropped, and counted by the caller.
//
// Thread class: receive, arm, disarm: the worker that owns the port. send: any worker, one at a
// time (the port's lock). The rest: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "switch/frame.h"

namespace bridle::net {

constexpr size_t burst = 32;  // frames at most in one receive() or send()

// What the other side takes as it is; the switch does the rest before send().
struct Abilities {
  bool checksum = false;  // completes a checksum, or does not need it
  bool segments4 = false, segments6 = false, segments_udp = false;
  uint32_t largest = 1518;  // bytes of a frame without segmentation
};

struct DriverCounters {
  uint64_t malformed = 0;   // descriptors, rings or lengths from outside that made no sense
  uint64_t starved = 0;     // receive() found the pool empty
  uint64_t reconnects = 0;  // times the other side came
};

class Driver {
 public:
  virtual ~Driver() = default;

  // Frames that came in, at most into.size(). `from` and `headers` are not set.
  virtual size_t receive(std::span<Frame*> into) = 0;
  // Takes all frames, sends as many as there is room for, in order, and releases them all. Returns
  // how many were sent: the others are the tail.
  virtual size_t send(std::span<Frame* const> frames) = 0;

  virtual bool up() const = 0;
  virtual Abilities abilities() const = 0;
  virtual int wake_descriptor() const = 0;  // -1: there is none now
  virtual bool arm() = 0;                   // true: something came, do not sleep
  virtual void disarm() = 0;
  virtual DriverCounters counters() const = 0;
  // One word: "vhost-user", "datagram", "tap", "af-xdp", "af-packet", "ring", "memory" (tests).
  virtual std::string_view name() const = 0;
};

}  // namespace bridle::net
