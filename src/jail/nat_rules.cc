#include "jail/nat_rules.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace bridle::jail {
namespace {

std::string text4(std::span<const uint8_t> address) {
  return fmt::format("{}.{}.{}.{}", address[0], address[1], address[2], address[3]);
}

std::string text6(std::span<const uint8_t> address) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET6, address.data(), text, sizeof text);
  return text;
}

bool is_zero(std::span<const uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

bool is_mapped4(std::span<const uint8_t> address) {
  return is_zero(address.first(10)) && address[10] == 0xff && address[11] == 0xff;
}

bool resolves4(const PortOrder& order) { return is_mapped4(order.resolver); }
bool resolves6(const NatNetwork& network) {
  return network.has6 && !is_zero(network.order.resolver) && !resolves4(network.order);
}

const char* protocol_of(const NatForward& forward) { return forward.protocol == 6 ? "tcp" : "udp"; }

// An IPv6 guest's address: the network's first half, its own second half.
std::string guest6(const PortOrder& order, const NatForward& forward) {
  std::array<uint8_t, 16> address{};
  std::memcpy(address.data(), order.gateway6, 8);
  std::memcpy(address.data() + 8, forward.guest, 8);
  return text6(address);
}

std::string replaced(const std::string& table) {
  return fmt::format("table inet {0}\ndelete table inet {0}\n", table);
}

bool is_usable(const NatNetwork& network, const NatForward& forward) {
  return forward.family == 4 || (network.has6 && network.order.prefix6 != 0);
}

// ---- a network's namespace

std::string space_forward(const NatNetwork& network, const NatForward& forward) {
  const bool v4 = forward.family == 4;
  const std::string guest = v4 ? text4(forward.guest) : guest6(network.order, forward);
  return fmt::format("    iifname \"up0\" meta nfproto ipv{} {} dport {} dnat {} to {}:{}\n",
                     v4 ? 4 : 6, protocol_of(forward), forward.host_port, v4 ? "ip" : "ip6",
                     v4 ? guest : "[" + guest + "]", forward.guest_port);
}

std::string space_names(const NatNetwork& network, const LinkAddresses& link) {
  constexpr const char* port = "meta l4proto { tcp, udp } th dport 53";
  std::string text;
  if (resolves4(network.order))
    text += fmt::format("    iifname \"tap0\" ip daddr {} {} dnat ip to {}\n",
                        text4(network.order.gateway4), port, text4(link.host4));
  if (resolves6(network) && network.order.prefix6 != 0)
    text += fmt::format("    iifname \"tap0\" ip6 daddr {} {} dnat ip6 to {}\n",
                        text6(network.order.gateway6), port, text6(link.host6));
  return text;
}

std::string space_sources(const NatNetwork& network) {
  const PortOrder& order = network.order;
  std::string text = fmt::format("    iifname \"tap0\" ip saddr != {}/{} drop\n",
                                 text4(order.gateway4), order.prefix4);
  if (order.prefix6 != 0)
    text += fmt::format("    iifname \"tap0\" ip6 saddr != {}/{} drop\n", text6(order.gateway6),
                        order.prefix6);
  return text;
}

// ---- the host

template <typename Wanted>
std::string elements(std::span<const NatNetwork> networks, const Wanted& wanted) {
  std::string text;
  for (const NatNetwork& network : networks)
    if (wanted(network))
      text += (text.empty() ? "" : ", ") + ("\"" + link_name(network.link) + "\"");
  return text.empty() ? "" : " elements = { " + text + " };";
}

std::string host_sets(std::span<const NatNetwork> networks) {
  const auto outside = [](const NatNetwork& n) { return (n.order.nat_flags & nat_outside) != 0; };
  const auto open = [](const NatNetwork& n) { return (n.order.nat_flags & nat_host) != 0; };
  const auto all = [](const NatNetwork&) { return true; };
  return fmt::format(
      "  set links {{ type ifname;{} }}\n  set outside {{ type ifname;{} }}\n"
      "  set host_open {{ type ifname;{} }}\n",
      elements(networks, all), elements(networks, outside), elements(networks, open));
}

std::string host_forwards(std::span<const NatNetwork> networks, uint32_t root,
                          const std::string& where) {
  std::string text;
  for (const NatNetwork& network : networks) {
    const LinkAddresses link = link_addresses(network.link, root);
    for (const NatForward& forward : network.forwards) {
      if (!is_usable(network, forward)) continue;
      const bool v4 = forward.family == 4;
      text +=
          fmt::format("    {}meta nfproto ipv{} fib daddr type local {} dport {} dnat {} to {}\n",
                      where, v4 ? 4 : 6, protocol_of(forward), forward.host_port, v4 ? "ip" : "ip6",
                      v4 ? text4(link.space4) : text6(link.space6));
    }
  }
  return text;
}

std::string host_names(std::span<const NatNetwork> networks, uint32_t root) {
  constexpr const char* rule =
      "    iifname \"{}\" {} daddr {} meta l4proto {{ tcp, udp }} th dport 53 dnat {} to {}\n";
  std::string text;
  for (const NatNetwork& network : networks) {
    const LinkAddresses link = link_addresses(network.link, root);
    const std::string name = link_name(network.link);
    if (resolves4(network.order))
      text += fmt::format(rule, name, "ip", text4(link.host4), "ip",
                          text4(std::span(network.order.resolver).last(4)));
    if (resolves6(network))
      text +=
          fmt::format(rule, name, "ip6", text6(link.host6), "ip6", text6(network.order.resolver));
  }
  return text;
}

std::string host_leaving(std::span<const NatNetwork> networks, uint32_t root) {
  std::string text = "    oifname @links ip saddr 127.0.0.0/8 masquerade\n";
  for (const NatNetwork& network : networks) {
    const LinkAddresses link = link_addresses(network.link, root);
    text += fmt::format("    ip saddr {} oifname != @links masquerade\n", text4(link.space4));
    if (network.has6)
      text += fmt::format("    ip6 saddr {} oifname != @links masquerade\n", text6(link.space6));
  }
  return text;
}

// What guests may reach through the host, and what may reach them. Names of links of every root
// begin with "brl-".
constexpr const char* host_filters = R"(  chain through {
    type filter hook forward priority filter; policy accept;
    iifname @links jump from_guests
    oifname @links jump to_guests
  }
  chain from_guests {
    ct state established,related accept
    ct state invalid drop
    oifname "brl-*" reject
    ct status dnat accept
    iifname != @outside reject
    ip daddr 169.254.0.0/16 reject
    accept
  }
  chain to_guests {
    ct state established,related accept
    ct status dnat accept
    drop
  }
  chain inward {
    type filter hook input priority filter; policy accept;
    iifname @links jump guests_to_host
  }
  chain guests_to_host {
    ct state established,related accept
    ct status dnat accept
    meta l4proto ipv6-icmp icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    iifname @host_open accept
    reject
  }
)";

}  // namespace

bool is_link_number(uint32_t number) {
  constexpr uint32_t metadata_first = 169 * 64, metadata_last = 171 * 64 - 1;
  return number >= first_link && number <= last_link &&
         (number < metadata_first || number > metadata_last);
}

LinkAddresses link_addresses(uint32_t number, uint32_t root) {
  const auto low = static_cast<uint16_t>(number * 4);
  const auto high_byte = static_cast<uint8_t>(low >> 8), low_byte = static_cast<uint8_t>(low);
  LinkAddresses out{};
  out.host4 = {169, 254, high_byte, static_cast<uint8_t>(low_byte + 1)};
  out.space4 = {169, 254, high_byte, static_cast<uint8_t>(low_byte + 2)};
  out.host6 = {0xfd, 0xb7, 0x1d, 0x1e};
  for (size_t i = 0; i < 4; ++i) out.host6[4 + i] = static_cast<uint8_t>(root >> (24 - 8 * i));
  out.host6[14] = high_byte;
  out.host6[15] = static_cast<uint8_t>(low_byte + 1);
  out.space6 = out.host6;
  out.space6[15] = static_cast<uint8_t>(low_byte + 2);
  return out;
}

std::string link_name(uint32_t number) { return fmt::format("brl-{:04x}", number); }

std::string space_rules(const NatNetwork& network, uint32_t root) {
  const LinkAddresses link = link_addresses(network.link, root);
  std::string text = replaced("bridle") + "table inet bridle {\n";
  text += "  chain arrive {\n    type nat hook prerouting priority dstnat; policy accept;\n";
  text += space_names(network, link);
  for (const NatForward& forward : network.forwards)
    if (is_usable(network, forward)) text += space_forward(network, forward);
  text +=
      "  }\n  chain leave {\n    type nat hook postrouting priority srcnat; policy accept;\n"
      "    oifname \"up0\" masquerade\n  }\n"
      "  chain through {\n    type filter hook forward priority filter; policy drop;\n";
  text += space_sources(network);
  text +=
      "    ct state established,related accept\n"
      "    iifname \"tap0\" oifname \"up0\" accept\n"
      "    iifname \"up0\" ct status dnat accept\n  }\n"
      "  chain inward {\n    type filter hook input priority filter; policy drop;\n"
      "    ct state established,related accept\n"
      "    meta l4proto { icmp, ipv6-icmp } accept\n"
      "    iifname \"tap0\" reject\n  }\n}\n";
  return text;
}

std::string host_rules(const std::string& table, std::span<const NatNetwork> networks,
                       uint32_t root) {
  std::string text = replaced(table);
  if (networks.empty()) return text;
  text += "table inet " + table + " {\n" + host_sets(networks);
  text += "  chain arrive {\n    type nat hook prerouting priority dstnat; policy accept;\n";
  text += host_names(networks, root) + host_forwards(networks, root, "iifname != \"brl-*\" ");
  text += "  }\n  chain own {\n    type nat hook output priority -100; policy accept;\n";
  text += host_forwards(networks, root, "");
  text += "  }\n  chain leave {\n    type nat hook postrouting priority srcnat; policy accept;\n";
  text += host_leaving(networks, root);
  text += "  }\n";
  text += host_filters;
  return text + "}\n";
}

}  // namespace bridle::jail
