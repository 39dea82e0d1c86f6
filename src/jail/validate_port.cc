// The rules of a switch's ports (validate.h).
#include <algorithm>
#include <cstring>

#include "base/layout.h"
#include "jail/validate.h"

namespace bridle::jail {
namespace {

Error invalid(std::string message) { return Error(Code::invalid, std::move(message)); }

template <size_t Size>
bool is_zero(const uint8_t (&bytes)[Size]) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

template <size_t Size>
void copy(uint8_t (&to)[Size], const uint8_t (&from)[Size]) {
  std::memcpy(to, from, Size);
}

// Each fills `only` with the fields that its kind has a use for.

Status check_datagram(const PortOrder& order, PortOrder& only) {
  copy(only.guest, order.guest);
  only.boot = order.boot;
  only.interface = order.interface;
  if (is_zero(order.guest)) return invalid("guest is nil");
  if (order.boot == 0) return invalid("boot is 0");
  if (order.interface >= max_interfaces) return invalid("interface is not below 7");
  return {};
}

Status check_mtu(const PortOrder& order, PortOrder& only) {
  only.mtu = order.mtu;
  if (order.mtu != 0 && (order.mtu < 576 || order.mtu > 65521))
    return invalid("mtu must be 576 .. 65521");
  return {};
}

Status check_tap(const PortOrder& order, PortOrder& only) {
  only.bridge = order.bridge;
  if (order.bridge > INT32_MAX) return invalid("bridge is no interface's index");
  return check_mtu(order, only);
}

Status check_device(const PortOrder& order, PortOrder& only) {
  only.device = order.device;
  if (order.device == 0 || order.device > INT32_MAX)
    return invalid("device is no interface's index");
  if (order.kind != PortKind::af_xdp) return {};
  only.queue = order.queue;
  if (order.queue > 4095) return invalid("queue is over 4095");
  return {};
}

// An address that a gateway may have: not of this net, loopback, link-local, multicast, reserved.
bool is_plain4(const uint8_t (&address)[4]) {
  const bool link_local = address[0] == 169 && address[1] == 254;
  return address[0] != 0 && address[0] != 127 && address[0] < 224 && !link_local;
}

// fc00::/7 and 2000::/3.
bool is_plain6(const uint8_t (&address)[16]) {
  return (address[0] & 0xfe) == 0xfc || (address[0] & 0xe0) == 0x20;
}

bool is_mapped4(const uint8_t (&address)[16]) {
  constexpr uint8_t head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address, head, sizeof head) == 0;
}

Status check_gateway6(const PortOrder& order) {
  if (order.prefix6 == 0)
    return is_zero(order.gateway6) ? Status() : invalid("gateway6 has no prefix6");
  if (order.prefix6 < 8 || order.prefix6 > 126) return invalid("prefix6 must be 8 .. 126");
  if (!is_plain6(order.gateway6)) return invalid("gateway6 is not of fc00::/7 or 2000::/3");
  return {};
}

Status check_nat(const PortOrder& order, PortOrder& only) {
  only.nat_flags = order.nat_flags;
  only.prefix4 = order.prefix4;
  only.prefix6 = order.prefix6;
  copy(only.mac, order.mac);
  copy(only.gateway4, order.gateway4);
  copy(only.gateway6, order.gateway6);
  copy(only.resolver, order.resolver);
  if ((order.nat_flags & ~(nat_outside | nat_host)) != 0) return invalid("nat_flags are unknown");
  if (is_zero(order.mac) || (order.mac[0] & 1) != 0) return invalid("mac is not of one device");
  if (order.prefix4 < 8 || order.prefix4 > 30) return invalid("prefix4 must be 8 .. 30");
  if (!is_plain4(order.gateway4)) return invalid("gateway4 is no address of a gateway");
  BRIDLE_CHECK(check_gateway6(order));
  const bool loopback6 = std::ranges::all_of(std::span(order.resolver).first(15),
                                             [](uint8_t byte) { return byte == 0; });
  if (!is_zero(order.resolver) && !is_mapped4(order.resolver) && !is_plain6(order.resolver) &&
      !(loopback6 && order.resolver[15] == 1))
    return invalid("resolver is no address of a host");
  return check_mtu(order, only);
}

Status check_ring(const PortOrder& order, PortOrder& only) {
  only.bytes = order.bytes;
  only.peer_zone = order.peer_zone;
  only.peer_port = order.peer_port;
  if (order.bytes < 4096 || order.bytes > (64u << 20) || order.bytes % 4096 != 0)
    return invalid("bytes must be whole pages, 4 KiB .. 64 MiB");
  if (order.peer_zone < 1 || order.peer_zone > Layout::max_zone)
    return invalid("peer_zone must be 1 .. " + std::to_string(Layout::max_zone));
  if (order.peer_port == 0) return invalid("peer_port is 0");
  return {};
}

Status check_kind(const PortOrder& order, PortOrder& only) {
  switch (order.kind) {
    case PortKind::datagram:
      return check_datagram(order, only);
    case PortKind::tap:
      return check_tap(order, only);
    case PortKind::af_packet:
    case PortKind::af_xdp:
      return check_device(order, only);
    case PortKind::nat:
      return check_nat(order, only);
    case PortKind::ring:
      return check_ring(order, only);
    case PortKind::none:
      break;
  }
  return invalid("kind is unknown");
}

Status check_forward(const NatForward& forward) {
  if (forward.protocol != 6 && forward.protocol != 17) return invalid("neither TCP nor UDP");
  if (forward.family != 4 && forward.family != 6) return invalid("family is neither 4 nor 6");
  if (forward.host_port == 0 || forward.guest_port == 0) return invalid("a port is 0");
  if (is_zero(forward.guest)) return invalid("guest is zero");
  constexpr uint8_t none[4] = {};
  if (forward.family == 4 && std::memcmp(forward.guest + 4, none, sizeof none) != 0)
    return invalid("guest is longer than an IPv4 address");
  return {};
}

bool are_at_odds(const NatForward& a, const NatForward& b) {
  return a.protocol == b.protocol && a.family == b.family && a.host_port == b.host_port;
}

}  // namespace

Status validate_port(uint32_t zone, uint32_t port, const PortOrder& order) {
  if (zone < 1 || zone > Layout::max_zone)
    return invalid("zone must be 1 .. " + std::to_string(Layout::max_zone));
  if (port == 0) return invalid("port is 0");
  PortOrder only{};
  only.kind = order.kind;
  BRIDLE_CHECK(check_kind(order, only));
  if (std::memcmp(&only, &order, sizeof only) != 0)
    return invalid("a field that this kind of port has no use for is not zero");
  if (order.kind == PortKind::ring && order.peer_zone == zone)
    return invalid("a ring leads to another zone");
  return {};
}

Status validate_forwards(std::span<const NatForward> forwards) {
  if (forwards.size() > max_forwards) return invalid("forward_count is over 24");
  for (size_t i = 0; i < forwards.size(); ++i) {
    BRIDLE_CHECK(check_forward(forwards[i]).context("forwards[" + std::to_string(i) + "]"));
    for (size_t j = 0; j < i; ++j)
      if (are_at_odds(forwards[i], forwards[j]))
        return invalid("forwards[" + std::to_string(i) + "]: its host_port is used twice");
  }
  return {};
}

PortOrder port_order_of(const Request& request) {
  PortOrder order;
  std::memcpy(&order, request.body, sizeof order);
  return order;
}

std::vector<NatForward> forwards_of(const Request& request) {
  std::vector<NatForward> forwards(std::min<size_t>(request.forward_count, max_forwards));
  if (!forwards.empty())
    std::memcpy(forwards.data(), request.body, forwards.size() * sizeof(NatForward));
  return forwards;
}

}  // namespace bridle::jail
