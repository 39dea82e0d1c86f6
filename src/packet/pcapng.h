// pcapng (draft-ietf-opsawg-pcapng): a capture as bytes. Each call appends one block; blocks are
// whole or not there, so that a reader of a growing file sees no half of one once it is written.
//
//   append_section(out, "bridle");
//   const uint32_t web = 0;                       // interfaces count from 0, in this order
//   append_interface(out, "lab/web/net0", 0);
//   append_packet(out, {.interface = web, .nanoseconds = now, .size = 60}, parts);
//
// Byte order is the host's, as the section's magic says; times are nanoseconds since 1970.
//
// Thread class: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace bridle::packet {

enum class Direction : uint8_t { unknown = 0, inbound = 1, outbound = 2 };

struct CapturedPacket {
  uint32_t interface = 0;
  uint64_t nanoseconds = 0;  // since 1970
  uint32_t size = 0;         // of the frame; the parts may be less of it
  Direction direction = Direction::unknown;
  std::string_view comment;  // for people, at most 65,535 bytes; empty: none
};

void append_section(std::vector<uint8_t>& out, std::string_view application);
// `snap` is the most bytes kept of a frame; 0: all.
void append_interface(std::vector<uint8_t>& out, std::string_view name, uint32_t snap);
void append_packet(std::vector<uint8_t>& out, const CapturedPacket& packet,
                   std::span<const std::span<const uint8_t>> parts);

}  // namespace bridle::packet
