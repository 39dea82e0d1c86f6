// DHCPv4 messages (RFC 2131, 2132): a client's read, a server's written.
//
// Reading is bounded by the message and strict: an option that is cut, a second message type, or
// options moved into `file` and `sname` (option 52, which clients do not need) make it none.
// Options that are not named here are skipped.
//
// Thread class: pure functions; nothing is allocated.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "packet/address.h"

namespace bridle::packet {

constexpr uint16_t dhcp_server_port = 67, dhcp_client_port = 68;

enum class DhcpType : uint8_t {
  discover = 1,
  offer,
  request,
  decline,
  acknowledge,
  refuse,
  release,
  inform,
};
std::string_view name(DhcpType type);

// Who a message is of: ours is a client's (BOOTREQUEST) or a server's (BOOTREPLY).
struct DhcpMessage {
  bool reply = false;
  DhcpType type = DhcpType::discover;
  uint32_t transaction = 0;
  uint16_t seconds = 0;
  bool broadcast = false;                  // the client cannot take unicast yet
  IpAddress client, yours, server, relay;  // ciaddr, yiaddr, siaddr, giaddr
  MacAddress hardware;
  std::optional<IpAddress> requested;  // option 50
  std::optional<IpAddress> server_id;  // option 54
  std::bitset<256> wanted;             // option 55
  std::span<const uint8_t> client_id;  // option 61, in the message
};

// `message` is the payload of UDP.
std::optional<DhcpMessage> parse_dhcp(std::span<const uint8_t> message);

// Is it a server's, whatever else is wrong with it? For the guard: by its first byte alone.
inline bool is_dhcp_reply(std::span<const uint8_t> message) {
  return !message.empty() && message[0] != 1;
}

// What a guest is told. Options whose value is empty or zero are left out.
struct DhcpAnswer {
  DhcpType type = DhcpType::offer;
  IpAddress server;    // who answers (option 54, siaddr)
  IpAddress yours;     // unspecified: none (INFORM, refuse)
  uint32_t lease = 0;  // seconds; renewal after a half, rebinding after seven eighths
  uint8_t mask = 0;    // bits of an IPv4 prefix
  IpAddress router;
  std::span<const IpAddress> name_servers;  // IPv4; the first three
  std::string_view host_name, domain;
  uint16_t mtu = 0;
};

// Answers `to`; at least 300 bytes, for BOOTP relays and clients count on that (RFC 1542, 2.1).
// The size; 0: `into` is too small.
size_t build_dhcp(std::span<uint8_t> into, const DhcpMessage& to, const DhcpAnswer& answer);

// A client's message, for tests and tools.
struct DhcpQuestion {
  DhcpType type = DhcpType::discover;
  uint32_t transaction = 0;
  bool broadcast = false;
  MacAddress hardware;
  std::optional<IpAddress> client, requested, server_id;
};
size_t build_dhcp(std::span<uint8_t> into, const DhcpQuestion& question);

}  // namespace bridle::packet
