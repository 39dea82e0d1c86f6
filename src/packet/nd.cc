#include "packet/nd.h"

#include <algorithm>
#include <array>

#include "packet/builder.h"
#include "packet/bytes.h"
#include "packet/dns.h"

namespace bridle::packet {

namespace {

constexpr uint8_t hop_limit = 255;
constexpr size_t body_size = 20;  // of neighbour messages, behind the checksum
enum : uint8_t {
  source_link = 1,
  target_link = 2,
  prefix_information = 3,
  mtu_option = 5,
  name_server_option = 25,
  search_option = 31,
};

// Bytes behind type, code and checksum that come before the options.
size_t fixed_size(NdType type) {
  switch (type) {
    case NdType::router_solicitation:
      return 4;
    case NdType::router_advertisement:
      return 12;
    case NdType::neighbor_solicitation:
    case NdType::neighbor_advertisement:
      return body_size;
    case NdType::redirect:
      return 36;
  }
  return 0;
}

// False: an option of no size, one that is cut, or a second link-layer address.
bool read_options(std::span<const uint8_t> options, NdMessage& message) {
  while (!options.empty()) {
    if (options.size() < 2) return false;
    const size_t size = size_t{options[1]} * 8;
    if (size == 0 || size > options.size()) return false;
    if (options[0] == source_link || options[0] == target_link) {
      if (message.link) return false;
      message.link.emplace();
      std::copy_n(&options[2], 6, message.link->bytes.begin());
    }
    options = options.subspan(size);
  }
  return true;
}

// What a host must ignore (RFC 4861, 7.1.1 and 7.1.2).
bool is_valid(const Headers& h, const NdMessage& m) {
  if (m.type == NdType::router_advertisement || m.type == NdType::redirect)
    return h.from.is_link_local();
  if (m.type == NdType::neighbor_advertisement)
    return !m.target.is_multicast() && !(h.to.is_multicast() && m.solicited);
  // Who has no address yet says no link-layer address either (duplicate address detection).
  const bool nobody = h.from.is_unspecified();
  if (nobody && m.link) return false;
  if (m.type == NdType::router_solicitation) return true;
  return !m.target.is_multicast() && !(nobody && !h.to.is_multicast());
}

void option_header(Builder& frame, uint8_t type, uint8_t eights) {
  frame.payload(std::array<uint8_t, 2>{type, eights});
}

void link_option(Builder& frame, uint8_t type, const MacAddress& mac) {
  option_header(frame, type, 1);
  frame.payload(mac.bytes);
}

void number(Builder& frame, uint32_t value) { frame.payload(Be32::of(value).bytes); }

void begin(Builder& frame, const NdEnvelope& envelope, NdType type) {
  frame.ethernet(envelope.to_mac, envelope.from_mac)
      .ipv6(envelope.from, envelope.to, {.hop_limit = hop_limit})
      .icmp(static_cast<uint8_t>(type), 0);
}

void prefix_option(Builder& frame, const RouterAdvertisement& what) {
  constexpr uint8_t on_link_and_autonomous = 0xc0;
  option_header(frame, prefix_information, 4);
  frame.payload(std::array<uint8_t, 2>{what.prefix.length, on_link_and_autonomous});
  number(frame, what.valid);
  number(frame, what.preferred);
  number(frame, 0);
  frame.payload(what.prefix.address.bytes);
}

void name_server_options(Builder& frame, const RouterAdvertisement& what) {
  std::array<IpAddress, 3> servers;
  uint8_t count = 0;
  for (const IpAddress& server : what.name_servers)
    if (!server.is_v4() && count < servers.size()) servers[count++] = server;
  if (count == 0) return;
  option_header(frame, name_server_option, static_cast<uint8_t>(1 + 2 * count));
  frame.payload(2, 0);
  number(frame, what.lifetime);
  for (uint8_t i = 0; i < count; ++i) frame.payload(servers[i].bytes);
}

void search_domain_option(Builder& frame, const RouterAdvertisement& what) {
  std::array<uint8_t, 256> name{};
  const size_t size = write_name(std::span(name).first(255), what.domain);
  if (size == 0) return;
  const size_t padded = (size + 7) / 8 * 8;
  option_header(frame, search_option, static_cast<uint8_t>(1 + padded / 8));
  frame.payload(2, 0);
  number(frame, what.lifetime);
  frame.payload(std::span(name).first(padded));
}

uint8_t router_flags(const RouterAdvertisement& what) {
  return static_cast<uint8_t>((what.managed ? 0x80 : 0) | (what.other ? 0x40 : 0));
}

}  // namespace

std::optional<NdMessage> parse_nd(const Headers& h, std::span<const uint8_t> frame) {
  const size_t end = h.network_offset + size_t{h.network_size};
  NdMessage message;
  message.type = static_cast<NdType>(h.source_port);
  const size_t options = h.payload_offset + fixed_size(message.type);
  if (h.fragment || h.hop_limit != hop_limit || h.destination_port != 0 || end > frame.size() ||
      options > end)
    return std::nullopt;
  const uint8_t* body = &frame[h.payload_offset];
  if (fixed_size(message.type) >= body_size)
    std::copy_n(body + 4, 16, message.target.bytes.begin());
  if (message.type == NdType::neighbor_advertisement) {
    message.router = (body[0] & 0x80) != 0;
    message.solicited = (body[0] & 0x40) != 0;
    message.overrides = (body[0] & 0x20) != 0;
  }
  if (!read_options(frame.subspan(options, end - options), message) || !is_valid(h, message))
    return std::nullopt;
  return message;
}

IpAddress solicited_node(const IpAddress& address) {
  IpAddress group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
  std::copy_n(&address.bytes[13], 3, &group.bytes[13]);
  return group;
}

MacAddress multicast_mac(const IpAddress& group) {
  const auto& b = group.bytes;
  if (group.is_v4()) return {{1, 0, 0x5e, static_cast<uint8_t>(b[13] & 0x7f), b[14], b[15]}};
  return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

IpAddress all_nodes() { return {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}; }
IpAddress all_routers() { return {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}}; }

IpAddress eui64(const IpAddress& prefix, MacAddress mac) {
  IpAddress address = prefix;
  std::copy_n(&mac.bytes[0], 3, &address.bytes[8]);
  address.bytes[8] ^= 2;
  address.bytes[11] = 0xff;
  address.bytes[12] = 0xfe;
  std::copy_n(&mac.bytes[3], 3, &address.bytes[13]);
  return address;
}

IpAddress link_local(MacAddress mac) { return eui64({{0xfe, 0x80}}, mac); }

size_t build_solicitation(std::span<uint8_t> into, const NdEnvelope& envelope,
                          const IpAddress& target) {
  Builder frame(into);
  begin(frame, envelope, NdType::neighbor_solicitation);
  number(frame, 0);
  frame.payload(target.bytes);
  if (!envelope.from.is_unspecified()) link_option(frame, source_link, envelope.from_mac);
  return frame.finish();
}

size_t build_router_solicitation(std::span<uint8_t> into, const NdEnvelope& envelope) {
  Builder frame(into);
  begin(frame, envelope, NdType::router_solicitation);
  number(frame, 0);
  if (!envelope.from.is_unspecified()) link_option(frame, source_link, envelope.from_mac);
  return frame.finish();
}

size_t build_advertisement(std::span<uint8_t> into, const NdEnvelope& envelope,
                           const NeighborAdvertisement& what) {
  Builder frame(into);
  begin(frame, envelope, NdType::neighbor_advertisement);
  number(frame, (what.router ? 1U << 31 : 0) | (what.solicited ? 1U << 30 : 0) |
                    (what.overrides ? 1U << 29 : 0));
  frame.payload(what.target.bytes);
  link_option(frame, target_link, what.link);
  return frame.finish();
}

size_t build_router_advertisement(std::span<uint8_t> into, const NdEnvelope& envelope,
                                  const RouterAdvertisement& what) {
  Builder frame(into);
  begin(frame, envelope, NdType::router_advertisement);
  frame.payload(std::array<uint8_t, 2>{64, router_flags(what)});  // hop limit for guests
  frame.payload(Be16::of(what.lifetime).bytes);
  number(frame, 0);  // reachable time, retransmission: the guest's own
  number(frame, 0);
  link_option(frame, source_link, what.link);
  if (what.mtu != 0) {
    option_header(frame, mtu_option, 1);
    frame.payload(2, 0);
    number(frame, what.mtu);
  }
  if (what.prefix.length != 0) prefix_option(frame, what);
  name_server_options(frame, what);
  search_domain_option(frame, what);
  return frame.finish();
}

}  // namespace bridle::packet
