// The members of Config by name, said once for reading and writing: describe(visitor, value,
// defaults) calls visitor(name, member, default) for each. And the words for its enumerations.
//
// Thread class: pure functions.
#pragma once

#include <array>
#include <limits>
#include <string_view>

#include "switch/config.h"

namespace bridle::net {

template <typename Enum>
struct Words;
template <>
struct Words<PortKind> {
  static constexpr std::array<std::string_view, 5> all{"guest", "uplink", "nat", "ring", "mirror"};
};
template <>
struct Words<Attachment> {
  static constexpr std::array<std::string_view, 7> all{
      "vhost-user", "datagram", "tap", "af-packet", "af-xdp", "ring", "memory"};
};
template <>
struct Words<VlanMode> {
  static constexpr std::array<std::string_view, 3> all{"access", "trunk", "guest"};
};
template <>
struct Words<Teaming> {
  static constexpr std::array<std::string_view, 4> all{"active-standby", "by-port", "by-mac",
                                                       "by-hash"};
};

using MulticastEntry = std::pair<MacAddress, uint32_t>;

template <typename Visitor>
void describe(Visitor& visit, MachineId& it, const MachineId& otherwise) {
  visit("uuid", it.uuid, otherwise.uuid);
  visit("generation", it.generation, otherwise.generation);
}

template <typename Visitor>
void describe(Visitor& visit, MulticastEntry& it, const MulticastEntry& otherwise) {
  visit("address", it.first, otherwise.first);
  visit("port", it.second, otherwise.second);
}

template <typename Visitor>
void describe(Visitor& visit, Security& it, const Security& otherwise) {
  visit("promiscuous", it.promiscuous, otherwise.promiscuous);
  visit("mac_changes", it.mac_changes, otherwise.mac_changes);
  visit("forged_transmits", it.forged_transmits, otherwise.forged_transmits);
}

template <typename Visitor>
void describe(Visitor& visit, Rate& it, const Rate& otherwise) {
  visit("bits_per_second", it.bits_per_second, otherwise.bits_per_second);
  visit("burst_bytes", it.burst_bytes, otherwise.burst_bytes);
}

template <typename Visitor>
void describe(Visitor& visit, Vlan& it, const Vlan& otherwise) {
  visit("mode", it.mode, otherwise.mode);
  visit("id", it.id, otherwise.id);
  visit("allowed", it.allowed, otherwise.allowed);
  visit("native", it.native, otherwise.native);
}

template <typename Visitor>
void describe(Visitor& visit, Lease& it, const Lease& otherwise) {
  visit("mac", it.mac, otherwise.mac);
  visit("address", it.address, otherwise.address);
  visit("host_name", it.host_name, otherwise.host_name);
}

template <typename Visitor>
void describe(Visitor& visit, Dhcp& it, const Dhcp& otherwise) {
  visit("serve", it.serve, otherwise.serve);
  visit("lease_seconds", it.lease_seconds, otherwise.lease_seconds);
  visit("name_servers", it.name_servers, otherwise.name_servers);
  visit("domain", it.domain, otherwise.domain);
}

template <typename Visitor>
void describe(Visitor& visit, Group& it, const Group& otherwise) {
  visit("name", it.name, otherwise.name);
  visit("uuid", it.uuid, otherwise.uuid);
  visit("id", it.id, otherwise.id);
  visit("vlan", it.vlan, otherwise.vlan);
  visit("security", it.security, otherwise.security);
  visit("flood_multicast", it.flood_multicast, otherwise.flood_multicast);
  visit("multicast", it.multicast, otherwise.multicast);
  visit("mtu", it.mtu, otherwise.mtu);
  visit("prefixes", it.prefixes, otherwise.prefixes);
  visit("gateway4", it.gateway4, otherwise.gateway4);
  visit("gateway6", it.gateway6, otherwise.gateway6);
  visit("gateway_mac", it.gateway_mac, otherwise.gateway_mac);
  visit("registry", it.registry, otherwise.registry);
  visit("answer_arp", it.answer_arp, otherwise.answer_arp);
  visit("guard_sources", it.guard_sources, otherwise.guard_sources);
  visit("guard_dhcp", it.guard_dhcp, otherwise.guard_dhcp);
  visit("guard_ra", it.guard_ra, otherwise.guard_ra);
  visit("dhcp", it.dhcp, otherwise.dhcp);
  visit("dns", it.dns, otherwise.dns);
  visit("teaming", it.teaming, otherwise.teaming);
  visit("fate", it.fate, otherwise.fate);
}

template <typename Visitor>
void describe(Visitor& visit, Learning& it, const Learning& otherwise) {
  visit("most", it.most, otherwise.most);
}

template <typename Visitor>
void describe(Visitor& visit, Port& it, const Port& otherwise) {
  visit("id", it.id, otherwise.id);
  visit("name", it.name, otherwise.name);
  visit("kind", it.kind, otherwise.kind);
  visit("attachment", it.attachment, otherwise.attachment);
  visit("place", it.place, otherwise.place);
  visit("machine", it.machine, otherwise.machine);
  visit("group", it.group, otherwise.group);
  visit("macs", it.macs, otherwise.macs);
  visit("addresses", it.addresses, otherwise.addresses);
  visit("security", it.security, otherwise.security);
  visit("vlan", it.vlan, otherwise.vlan);
  visit("send", it.send, otherwise.send);
  visit("receive", it.receive, otherwise.receive);
  visit("shares", it.shares, otherwise.shares);
  visit("learning", it.learning, otherwise.learning);
  visit("link", it.link, otherwise.link);
  visit("transit", it.transit, otherwise.transit);
}

template <typename Visitor>
void describe(Visitor& visit, Mirror& it, const Mirror& otherwise) {
  visit("id", it.id, otherwise.id);
  visit("ports", it.ports, otherwise.ports);
  visit("groups", it.groups, otherwise.groups);
  visit("to", it.to, otherwise.to);
  visit("snap", it.snap, otherwise.snap);
}

template <typename Visitor>
void describe(Visitor& visit, Config& it, const Config& otherwise) {
  visit("generation", it.generation, otherwise.generation);
  visit("zone", it.zone, otherwise.zone);
  visit("groups", it.groups, otherwise.groups);
  visit("ports", it.ports, otherwise.ports);
  visit("mirrors", it.mirrors, otherwise.mirrors);
  visit("modules", it.modules, otherwise.modules);
  visit("workers", it.workers, otherwise.workers);
}

}  // namespace bridle::net
