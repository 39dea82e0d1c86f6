#include "packet/headers.h"

#include <emmintrin.h>

#include <type_traits>
#include <utility>

#include "packet/bytes.h"

namespace bridle::packet {

namespace {

constexpr uint32_t ethernet_size = 14, tag_size = 4, arp_size = 28, ipv4_size = 20, ipv6_size = 40;
constexpr uint32_t tcp_size = 20, udp_size = 8, icmp_size = 8, icmpv6_size = 4, icmp_common = 4;
constexpr uint32_t fragment_size = 8, largest_packet = 65'535;
constexpr int most_extensions = 8;

namespace extension {
constexpr uint8_t hop_by_hop = 0, routing = 43, authentication = 51, destination = 60,
                  mobility = 135, identity = 139, shim = 140;
}

// What there is of a frame.
struct Bytes {
  const uint8_t* data;
  uint32_t size;   // that can be read
  uint32_t whole;  // of the frame
};

// A packet's part behind its IP headers.
struct Rest {
  uint32_t offset;  // in the frame
  uint32_t size;    // that the IP header announces
};

// The header of `size` bytes lies in the packet and in what can be read.
bool holds(const Bytes& bytes, Rest rest, uint32_t size) {
  return size <= rest.size && rest.offset + size <= bytes.size;
}

void set_transport(Headers& h, Rest rest, uint32_t size) {
  h.transport_offset = static_cast<uint16_t>(rest.offset);
  h.payload_offset = static_cast<uint16_t>(rest.offset + size);
}

Parse parse_tcp(const Bytes& bytes, Rest rest, Headers& h) {
  if (!holds(bytes, rest, tcp_size)) return Parse::bad_transport;
  const uint8_t* at = bytes.data + rest.offset;
  const uint32_t size = uint32_t{at[12]} >> 4 << 2;
  if (size < tcp_size || !holds(bytes, rest, size)) return Parse::bad_transport;
  set_transport(h, rest, size);
  h.source_port = load16(at);
  h.destination_port = load16(at + 2);
  h.tcp_sequence = load32(at + 4);
  h.tcp_acknowledgment = load32(at + 8);
  h.tcp_flags = at[13];
  h.tcp_window = load16(at + 14);
  return Parse::ok;
}

// Its own length may be smaller than what IP has (RFC 9868), and of a first fragment larger.
Parse parse_udp(const Bytes& bytes, Rest rest, Headers& h) {
  if (!holds(bytes, rest, udp_size)) return Parse::bad_transport;
  const uint8_t* at = bytes.data + rest.offset;
  const uint32_t size = load16(at + 4);
  if (size < udp_size || (size > rest.size && !h.more_fragments)) return Parse::bad_transport;
  set_transport(h, rest, udp_size);
  h.source_port = load16(at);
  h.destination_port = load16(at + 2);
  return Parse::ok;
}

Parse parse_icmp(const Bytes& bytes, Rest rest, Headers& h) {
  const uint32_t least = h.protocol == protocol::icmp ? icmp_size : icmpv6_size;
  if (!holds(bytes, rest, least)) return Parse::bad_transport;
  set_transport(h, rest, icmp_common);
  h.source_port = bytes.data[rest.offset];
  h.destination_port = bytes.data[rest.offset + 1];
  return Parse::ok;
}

inline Parse parse_transport(const Bytes& bytes, Rest rest, Headers& h) {
  if (h.fragment_offset != 0) {
    // RFC 3128: nobody has a second fragment in the middle of a TCP header but an attacker.
    const bool inside = h.protocol == protocol::tcp && h.fragment_offset < tcp_size;
    return inside ? Parse::bad_transport : Parse::ok;
  }
  if (h.protocol == protocol::tcp) return parse_tcp(bytes, rest, h);
  if (h.protocol == protocol::udp) return parse_udp(bytes, rest, h);
  const uint8_t icmp = h.network == Network::ipv4 ? protocol::icmp : protocol::icmpv6;
  return h.protocol == icmp ? parse_icmp(bytes, rest, h) : Parse::ok;
}

// A fragment's place: offset in bytes, and what is behind its headers.
bool is_possible_fragment(const Headers& h, uint32_t size) {
  if (h.more_fragments && size % 8 != 0) return false;
  return h.fragment_offset + size <= largest_packet;
}

inline Parse parse_ipv4(const Bytes& bytes, uint32_t offset, Headers& h) {
  h.network = Network::ipv4;
  if (offset + ipv4_size > bytes.size) return Parse::bad_ipv4;
  const uint8_t* at = bytes.data + offset;
  const uint32_t header = uint32_t{at[0]} * 4 & 0x3c;
  const uint32_t total = load16(at + 2);
  const bool fits = header >= ipv4_size && offset + header <= bytes.size && total >= header &&
                    offset + total <= bytes.whole;
  if (at[0] >> 4 != 4 || !fits) return Parse::bad_ipv4;
  h.network_size = total;
  h.hop_limit = at[8];
  h.protocol = at[9];
  h.from = IpAddress::v4({{at[12], at[13], at[14], at[15]}});
  h.to = IpAddress::v4({{at[16], at[17], at[18], at[19]}});
  h.has_options = header > ipv4_size;
  const uint32_t place = load16(at + 6) & 0x3fff;
  if (place != 0) [[unlikely]] {
    h.fragment = true;
    h.more_fragments = (place & 0x2000) != 0;
    h.fragment_offset = static_cast<uint16_t>((place & 0x1fff) * 8);
    h.fragment_id = load16(at + 4);
    if (!is_possible_fragment(h, total - header)) return Parse::bad_ipv4;
  }
  return parse_transport(bytes, {offset + header, total - header}, h);
}

bool parse_fragment(const uint8_t* at, Rest rest, Headers& h) {
  if (h.fragment) return false;  // a fragment of a fragment
  h.fragment = true;
  h.fragment_offset = load16(at + 2) & 0xfff8;
  h.more_fragments = (at[3] & 1) != 0;
  h.fragment_id = load32(at + 4);
  return is_possible_fragment(h, rest.size - fragment_size);
}

bool is_extension(uint8_t next) {
  switch (next) {
    case extension::hop_by_hop:
    case extension::routing:
    case protocol::fragment:
    case extension::authentication:
    case extension::destination:
    case extension::mobility:
    case extension::identity:
    case extension::shim:
      return true;
    default:
      return false;
  }
}

uint32_t extension_size(uint8_t type, uint8_t length) {
  if (type == protocol::fragment) return fragment_size;
  if (type == extension::authentication) return (uint32_t{length} + 2) * 4;  // RFC 4302
  return (uint32_t{length} + 1) * 8;
}

// Walks the chain to the last header or to where a later fragment hides it; moves `rest` there.
bool walk_extensions(const Bytes& bytes, Rest& rest, Headers& h) {
  for (int count = 0; is_extension(h.protocol); ++count) {
    const uint8_t type = h.protocol;
    // RFC 8200, 4.1: hop-by-hop options come first or not at all.
    if (count == most_extensions || (type == extension::hop_by_hop && count != 0)) return false;
    if (!holds(bytes, rest, 8)) return false;
    const uint8_t* at = bytes.data + rest.offset;
    const uint32_t size = extension_size(type, at[1]);
    if (!holds(bytes, rest, size)) return false;
    h.has_options = true;
    h.protocol = at[0];
    if (type == protocol::fragment && !parse_fragment(at, rest, h)) return false;
    rest = {rest.offset + size, rest.size - size};
    if (h.fragment_offset != 0) return true;
  }
  return true;
}

// ::ffff:a.b.c.d as bytes on the wire: no host's address (RFC 4942, 2.2), and in Headers it would
// be an IPv4 address.
inline bool is_mapped(const uint8_t* at) {
  uint64_t high;
  std::memcpy(&high, at, sizeof(high));
  return high == 0 && load32(at + 8) == 0xffff;
}

inline Parse parse_ipv6(const Bytes& bytes, uint32_t offset, Headers& h) {
  h.network = Network::ipv6;
  if (offset + ipv6_size > bytes.size) return Parse::bad_ipv6;
  const uint8_t* at = bytes.data + offset;
  const uint32_t payload = load16(at + 4);
  if (at[0] >> 4 != 6 || offset + ipv6_size + payload > bytes.whole) return Parse::bad_ipv6;
  if (is_mapped(at + 8) || is_mapped(at + 24)) [[unlikely]]
    return Parse::bad_ipv6;
  h.network_size = ipv6_size + payload;
  h.protocol = at[6];
  h.hop_limit = at[7];
  std::memcpy(h.from.bytes.data(), at + 8, 16);
  std::memcpy(h.to.bytes.data(), at + 24, 16);
  Rest rest{offset + ipv6_size, payload};
  if (!walk_extensions(bytes, rest, h)) return Parse::bad_ipv6;
  return parse_transport(bytes, rest, h);
}

Parse parse_arp(const Bytes& bytes, uint32_t offset, Headers& h) {
  h.network = Network::arp;
  if (offset + arp_size > bytes.size) return Parse::bad_arp;
  const uint8_t* at = bytes.data + offset;
  // Ethernet, IPv4, and the sizes of their addresses.
  if (load32(at) != 0x00010800 || load16(at + 4) != 0x0604) return Parse::bad_arp;
  h.arp_operation = load16(at + 6);
  std::memcpy(h.arp_sender.bytes.data(), at + 8, 6);
  h.from = IpAddress::v4({{at[14], at[15], at[16], at[17]}});
  std::memcpy(h.arp_target.bytes.data(), at + 18, 6);
  h.to = IpAddress::v4({{at[24], at[25], at[26], at[27]}});
  return Parse::ok;
}

// As new. Written so that it is seven stores: the compiler would make it `rep stos`, which costs as
// much as all the rest of the parser.
static_assert(sizeof(Headers) % sizeof(__m128i) == 0 && std::is_trivially_copyable_v<Headers>);

template <size_t... place>
inline void clear(Headers& h, std::index_sequence<place...>) {
  auto* at = reinterpret_cast<__m128i*>(&h);
  (_mm_storeu_si128(at + place, _mm_setzero_si128()), ...);
}

bool is_tag(uint32_t type) { return type == ether_type::vlan || type == ether_type::provider; }

// Moves `offset`, of the type, behind the tags.
bool walk_tags(const Bytes& bytes, uint32_t& offset, Headers& h) {
  while (h.tags < 2 && is_tag(h.ether_type)) {
    if (offset + 2 + tag_size > bytes.size) return false;
    h.tag_type[h.tags] = h.ether_type;
    h.tci[h.tags] = load16(bytes.data + offset + 2);
    h.ether_type = load16(bytes.data + offset + 4);
    offset += tag_size;
    ++h.tags;
  }
  return true;
}

}  // namespace

std::string_view name(Parse result) {
  switch (result) {
    case Parse::ok:
      return "ok";
    case Parse::short_ethernet:
      return "short_ethernet";
    case Parse::bad_arp:
      return "bad_arp";
    case Parse::bad_ipv4:
      return "bad_ipv4";
    case Parse::bad_ipv6:
      return "bad_ipv6";
    case Parse::bad_transport:
      return "bad_transport";
  }
  return "?";
}

Parse parse(std::span<const uint8_t> frame, uint32_t whole, Headers& h) {
  clear(h, std::make_index_sequence<sizeof(Headers) / sizeof(__m128i)>());
  const Bytes bytes{frame.data(), static_cast<uint32_t>(frame.size()), whole};
  if (bytes.size < ethernet_size) return Parse::short_ethernet;
  std::memcpy(h.destination.bytes.data(), bytes.data, 6);
  std::memcpy(h.source.bytes.data(), bytes.data + 6, 6);
  h.ether_type = load16(bytes.data + 12);
  uint32_t offset = 12;
  if (!walk_tags(bytes, offset, h)) return Parse::short_ethernet;
  offset += 2;
  h.network_offset = static_cast<uint16_t>(offset);
  if (h.ether_type == ether_type::ipv4) return parse_ipv4(bytes, offset, h);
  if (h.ether_type == ether_type::ipv6) return parse_ipv6(bytes, offset, h);
  if (h.ether_type == ether_type::arp) return parse_arp(bytes, offset, h);
  return Parse::ok;
}

}  // namespace bridle::packet
