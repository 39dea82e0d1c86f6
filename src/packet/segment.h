// Segmentation: what a sender left to whoever sends its frame on: to cut a large frame into frames
// of at most `segment_size` bytes of payload, and to complete a checksum that it only began.
//
// A frame comes as parts (one span each, in order) and goes into rooms (spans of the caller's), so
// that neither need be contiguous. All headers lie in the first part and go into the first room.
//
//   auto cut = Segmenter::begin(parts, Segmentation::tcp4, 1448);
//   if (!cut) drop;                               // not what it says it is
//   while (const uint32_t size = cut->next_size()) cut->next(rooms_for(size));
//
// Each segment has the headers of the large frame, with lengths and checksums of its own. IPv4: one
// identification more each. TCP: the sequence number goes on; FIN and PSH only in the last, CWR
// only in the first (RFC 3168, 6.1.2). UDP: datagrams of their own.
//
// It parses the headers itself (the caller may have changed tags since it did) and takes nothing
// else from the sender: not its header sizes, and not where it wants its checksum.
//
// Thread class: one thread's. Neither allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "packet/checksum.h"
#include "packet/headers.h"

namespace bridle::packet {

using Part = std::span<const uint8_t>;
using Room = std::span<uint8_t>;

// virtio-net's numbers (virtio 1.2, 5.1.6.2).
enum class Segmentation : uint8_t { tcp4 = 1, tcp6 = 4, udp_l4 = 5 };

// A guest that wants a byte in each costs the switch no more than this many frames.
constexpr uint32_t most_segments = 1'024;

class Segmenter {
 public:
  // Nothing: the frame is not whole, not of that kind, a fragment, would be more than
  // most_segments, or is UDP whose length is not that of its packet.
  // REQUIRES: the parts, and the array of them, stay as they are until the last next().
  static std::optional<Segmenter> begin(std::span<const Part> parts, Segmentation kind,
                                        uint16_t segment_size);

  uint32_t count() const { return count_; }  // of all
  uint32_t next_size() const;                // bytes of the next frame; 0: that was the last
  uint32_t header_size() const { return headers_.payload_offset; }

  // REQUIRES: next_size() != 0; the rooms hold so much, the first the headers.
  void next(std::span<const Room> into);

 private:
  Segmenter() = default;
  void finish_network(uint8_t* frame, uint32_t payload) const;
  // Sets the transport's fields and sums them up, its checksum as zero.
  Checksum finish_transport(uint8_t* frame, uint32_t payload) const;
  void finish_tcp(uint8_t* tcp, bool last) const;
  void copy_payload(std::span<const Room> into, uint32_t size, Checksum& sum);

  std::span<const Part> parts_;
  Headers headers_;
  uint32_t segment_size_ = 0, count_ = 0, done_ = 0;
  uint32_t left_ = 0;         // bytes of payload
  size_t part_ = 0, at_ = 0;  // of the next byte of payload
};

// May a sender have the checksum from `start` to the end put at start + offset? Only where a
// checksum of TCP or UDP is, or inside of what these carry (a tunnel's): elsewhere it would rewrite
// headers after they were judged. `first` is the frame's first part, which `headers` was read from.
bool is_checksum_place(const Headers& headers, Part first, uint32_t start, uint32_t offset);

// Sums from `start` to the end and stores the checksum; what stands there is the sum so far.
// False: not inside of the first part.
bool complete_checksum(std::span<const Room> parts, uint32_t start, uint32_t offset);

}  // namespace bridle::packet
