// Frame: one Ethernet frame in flight, and all that is known of it. Its bytes are the switch's own
// copy, made once when a driver received it; what is known (zone, port, machine, headers, offloads,
// verdict) is carried here, beside the bytes, never in them: a guest can neither read nor forge it.
//
// A large frame (segmentation offload, jumbo) may be a chain: `data` and `head` are the first part,
// `next` the others (of which only data, head and next mean anything). All headers lie in the first
// part: drivers put at least min(size, 256) bytes there. Before `data` there are `headroom` bytes
// that a VLAN tag can be pushed into.
//
// Life: a driver takes frames from its pool and gives them to the pipeline; whoever ends a frame's
// way gives it back with release(). Each frame belongs to exactly one holder at any time.
//
// Thread class: a frame belongs to one worker; pools are one worker's.
#pragma once

#include <cstdint>
#include <span>

#include "packet/headers.h"

namespace bridle::net {

constexpr uint32_t headroom = 64;
constexpr uint32_t largest_frame = 65'535 + 18;  // of a segmentation offload, with tags
constexpr uint32_t ethernet_header = 14;

// Place of a port in the published snapshot (switch/snapshot.h).
using PortIndex = uint16_t;
constexpr PortIndex no_port = 0xffff;
// Place of a group in the published snapshot.
using GroupIndex = uint16_t;
constexpr GroupIndex no_group = 0xffff;

// What the sender left to be done, as virtio-net says it (virtio 1.2, 5.1.6.2).
struct Offload {
  enum Segmentation : uint8_t { none = 0, tcp4 = 1, udp = 3, tcp6 = 4, udp_l4 = 5 };
  bool needs_checksum = false;  // from checksum_start to the end, stored at start + offset
  bool checked = false;         // the sender vouches for its checksums
  Segmentation segmentation = none;
  bool congestion = false;    // TCP ECN with the segmentation (VIRTIO_NET_HDR_GSO_ECN)
  uint16_t segment_size = 0;  // bytes of payload in each
  uint16_t header_size = 0;   // all headers, repeated in each; a hint, recomputed
  uint16_t checksum_start = 0, checksum_offset = 0;
};

class FramePool;

struct Frame {
  uint8_t* data = nullptr;
  uint32_t head = 0;  // bytes at data
  uint32_t size = 0;  // of the whole frame
  Frame* next = nullptr;
  FramePool* pool = nullptr;  // whose it is

  Offload offload;
  PortIndex from = no_port;     // where it came in; no_port: the switch made it
  PortIndex to = no_port;       // where it leaves, once forwarding has said so
  GroupIndex group = no_group;  // whose it is, and of which VLAN in it (module vlan); 0: none
  uint16_t vlan = 0;
  bool mirrored = false;    // a mirror's copy: goes out as it is and is not mirrored again
  Frame* after = nullptr;   // whole frames that leave right behind it (module offload: segments)
  packet::Headers headers;  // the one copy that decisions are made from

  // As new, with these bytes; `headers` stay what they were: parse() sets all of them.
  void renew(uint8_t* bytes, uint32_t count) {
    data = bytes;
    head = size = count;
    next = after = nullptr;
    offload = Offload{};
    from = to = no_port;
    group = no_group;
    vlan = 0;
    mirrored = false;
  }
  std::span<uint8_t> bytes() { return {data, head}; }
  std::span<const uint8_t> bytes() const { return {data, head}; }
};

// Where frames come from. One worker's; a pool that is empty makes its drivers leave frames where
// they are (a guest waits, nobody crashes).
class FramePool {
 public:
  virtual ~FramePool() = default;
  // A frame with `head` contiguous bytes, contents undefined, everything else as new. Null: empty,
  // or `head` is more than this pool gives in one part.
  virtual Frame* take(uint32_t head) = 0;
  // Back with the whole chain.
  virtual void give(Frame* frame) = 0;
  virtual void give_all(std::span<Frame* const> frames) {
    for (Frame* frame : frames) give(frame);
  }
};

inline void release(Frame* frame) { frame->pool->give(frame); }

// The same bytes and knowledge in a frame of its own, from `pool`; contiguous where the pool gives
// so much, else a chain. Null: the pool is empty.
Frame* copy(const Frame& frame, FramePool& pool);

}  // namespace bridle::net
