// ARP for IPv4 over Ethernet (RFC 826): what the switch answers. Reading is Headers' (headers.h):
// arp_operation, arp_sender, arp_target, from, to.
//
// Thread class: pure functions; nothing is allocated.
#pragma once

#include <cstdint>
#include <span>

#include "packet/headers.h"

namespace bridle::packet {

constexpr uint16_t arp_request = 1, arp_reply = 2;
constexpr size_t arp_frame_size = 42;

// A question whether anybody has the address already, by somebody who has none yet (RFC 5227).
inline bool is_arp_probe(const Headers& h) { return h.from.is_unspecified(); }

// Somebody says what is his own: sender and target are one (RFC 5227, 2.3; a gratuitous ARP).
inline bool is_arp_announcement(const Headers& h) { return h.from == h.to; }

// "`address` is at `mac`", to who asked. The frame's size; 0: `into` is too small.
size_t build_arp_reply(std::span<uint8_t> into, const Headers& question, MacAddress mac);

// "`address` is at `mac`", to everybody: after a fail-over.
size_t build_arp_announcement(std::span<uint8_t> into, const IpAddress& address, MacAddress mac);

}  // namespace bridle::packet
