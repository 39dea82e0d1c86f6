// Headers: what one frame's headers say, copied out once and checked. Every decision of the data
// plane is made from this copy, never from the frame again, so that nobody who can still write to
// the frame changes a decision (the time between check and use is nothing).
//
//   Headers h;
//   switch (parse(bytes, h)) { case Parse::ok: ... }
//
// It reads Ethernet II and 802.1Q/802.1ad (two tags at most), ARP (RFC 826), IPv4 (RFC 791) with
// options, IPv6 (RFC 8200) with extension headers (eight at most), TCP, UDP, ICMP, ICMPv6. A frame
// whose lengths contradict each other or the frame's size is not `ok`, and says which header broke.
// Bytes behind what IP announces (Ethernet's padding) are nobody's.
//
// Fragments other than the first have no ports: `fragment_offset` says so. A first fragment must
// hold all headers (RFC 7112; RFC 1858 for TCP, whose second fragment may not start inside of its
// header either), all but the last a multiple of 8 bytes, none reach behind 65,535: otherwise a
// filter and a guest could read two different packets.
//
// `bytes` is the frame's first contiguous part; every header lies in it (frames come with at least
// 256 contiguous bytes, or whole): a frame whose headers go on behind it is refused. `whole` is the
// size of the frame with what follows, at least bytes.size().
//
// What is not said is zero: parse() sets every member. Of a frame that is not `ok` only what stands
// before the broken header is to be relied on.
//
// Thread class: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "packet/address.h"

namespace bridle::packet {

enum class Parse : uint8_t {
  ok,
  short_ethernet,  // shorter than a header, or a tag is cut
  bad_arp,
  bad_ipv4,  // version, header length, total length
  bad_ipv6,  // version, payload length, extension headers, IPv4-mapped addresses
  bad_transport,
};
std::string_view name(Parse result);

namespace ether_type {
constexpr uint16_t ipv4 = 0x0800, arp = 0x0806, vlan = 0x8100, ipv6 = 0x86dd, provider = 0x88a8;
}
namespace protocol {
constexpr uint8_t icmp = 1, igmp = 2, tcp = 6, udp = 17, fragment = 44, icmpv6 = 58, sctp = 132,
                  none = 59, vrrp = 112;
}

enum class Network : uint8_t { other, arp, ipv4, ipv6 };

struct Headers {
  MacAddress destination, source;
  uint8_t tags = 0;           // VLAN tags: 0, 1, 2
  uint16_t tci[2] = {};       // outer first: priority, drop-eligible, identifier
  uint16_t tag_type[2] = {};  // 0x8100 or 0x88a8
  uint16_t ether_type = 0;    // behind the tags
  Network network = Network::other;
  uint16_t network_offset = 0;    // of the header behind Ethernet and tags
  uint16_t transport_offset = 0;  // 0: there is none (ARP, a later fragment, other)
  uint16_t payload_offset = 0;    // behind it (ICMP: behind type, code, checksum); 0 as above
  uint32_t network_size = 0;      // bytes that the IP header announces, header included

  // IPv4 and IPv6; of ARP the sender and the target.
  IpAddress from, to;
  uint8_t protocol = 0;  // of the last header reached
  uint8_t hop_limit = 0;
  bool fragment = false;  // any fragment, the first too
  bool more_fragments = false;
  uint16_t fragment_offset = 0;  // bytes
  uint32_t fragment_id = 0;
  bool has_options = false;  // IPv4 options or IPv6 extension headers

  // TCP and UDP; of ICMP `source_port` is the type, `destination_port` the code.
  uint16_t source_port = 0, destination_port = 0;
  uint8_t tcp_flags = 0;
  uint32_t tcp_sequence = 0, tcp_acknowledgment = 0;
  uint16_t tcp_window = 0;

  // ARP.
  uint16_t arp_operation = 0;
  MacAddress arp_sender, arp_target;

  uint16_t vlan() const { return tags == 0 ? 0 : tci[0] & 0xfff; }
};

Parse parse(std::span<const uint8_t> bytes, uint32_t whole, Headers& headers);

}  // namespace bridle::packet
