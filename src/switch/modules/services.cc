#include "switch/modules/services.h"

#include <algorithm>

#include "packet/nd.h"

namespace bridle::net {
namespace {

constexpr uint8_t v4_bits = 96, slaac_bits = 64;

IpAddress plus(const IpAddress& address, uint32_t number) {
  return IpAddress::v4(packet::Be32::of(address.v4().value() + number));
}

// The first address that nobody has; in a full prefix unspecified.
IpAddress free_address(const Snapshot& snapshot, GroupIndex group, const IpPrefix& prefix) {
  const uint32_t bits = 128U - prefix.length;
  const uint32_t last = (bits >= 32 ? UINT32_MAX : (1U << bits) - 1) - 1;  // before the broadcast
  const uint32_t tries = static_cast<uint32_t>(snapshot.group_config(group).registry.size() +
                                               snapshot.port_count() + 1);
  for (uint32_t number = 1; number <= std::min(last, tries); ++number)
    if (snapshot.owner(group, plus(prefix.address, number)) == nullptr)
      return plus(prefix.address, number);
  return IpAddress::v4({});
}

MacAddress own_mac(uint32_t group) {
  return {{0x02, 0x62, 0x72, static_cast<uint8_t>(group >> 16), static_cast<uint8_t>(group >> 8),
           static_cast<uint8_t>(group)}};
}

Services services_of(const Snapshot& snapshot, GroupIndex index) {
  const Group& group = snapshot.group_config(index);
  Services s;
  s.answer = group.answer_arp;
  s.serve = group.dhcp.serve;
  s.dns = group.dns;
  s.guard_sources = group.guard_sources;
  s.guard_dhcp = group.guard_dhcp;
  s.guard_ra = group.guard_ra;
  s.gateway = !group.gateway_mac.is_zero();
  s.mac = s.gateway ? group.gateway_mac : own_mac(group.id);
  for (const IpPrefix& prefix : group.prefixes)
    (prefix.address.is_v4() && prefix.length >= v4_bits ? s.prefix4 : s.prefix6) = prefix;
  s.address4 = IpAddress::v4({});
  if (s.gateway && group.gateway4)
    s.address4 = *group.gateway4;
  else if (s.prefix4.length != 0)
    s.address4 = free_address(snapshot, index, s.prefix4);
  s.address6 = packet::link_local(s.mac);
  s.name_server6 = s.gateway ? group.gateway6.value_or(s.address6) : s.address6;
  return s;
}

}  // namespace

std::vector<Services> services_of(const Snapshot& snapshot) {
  std::vector<Services> all;
  for (size_t group = 0; group < snapshot.group_count(); ++group)
    all.push_back(services_of(snapshot, static_cast<GroupIndex>(group)));
  return all;
}

bool any_service(const Snapshot& snapshot, PortIndex port, bool Group::*flag) {
  const PortView& view = snapshot.port(port);
  if (view.group != no_group) return snapshot.group_config(view.group).*flag;
  const auto& groups = snapshot.config().groups;
  return std::any_of(groups.begin(), groups.end(), [flag](const Group& g) { return g.*flag; });
}

// What becomes the tables.
struct Neighbours::Draft {
  const Snapshot& snapshot;
  std::vector<std::pair<OwnerKey, Neighbour>> known;
  std::vector<std::pair<PortAddress, uint8_t>> usable;

  void know(GroupIndex group, const IpAddress& address, const Neighbour& who) {
    known.push_back({{group, address}, who});
  }

  // The ports of the group that have the MAC may use the address.
  void allow(GroupIndex group, MacAddress mac, const IpAddress& address) {
    const Destination* there = snapshot.to().find(Snapshot::key(group, mac));
    if (there == nullptr || there->kind == Destination::list) return;
    if (there->kind == Destination::port) usable.push_back({{there->value, address}, 0});
    if (there->kind == Destination::shared)
      for (const PortIndex port : snapshot.sharers(there->value))
        usable.push_back({{port, address}, 0});
  }

  // Link-local and under the prefix, where nobody has them by configuration.
  void derive(GroupIndex group, const Services& services, MacAddress mac) {
    Neighbour who{mac};
    who.firm = true;
    if (const Destination* there = snapshot.to().find(Snapshot::key(group, mac))) {
      who.shared = there->kind == Destination::shared;
      if (there->kind == Destination::port) who.port = there->value;
    }
    const auto add = [&](const IpAddress& address) {
      know(group, address, who);
      allow(group, mac, address);
    };
    add(packet::link_local(mac));
    if (services.prefix6.length == slaac_bits) add(packet::eui64(services.prefix6.address, mac));
  }

  void add_services(GroupIndex group, const Services& s) {
    const Group& config = snapshot.group_config(group);
    Neighbour who{s.mac};
    who.firm = true;
    who.router = s.gateway;
    who.ourselves = !s.gateway;
    if (s.gateway && config.gateway4) know(group, *config.gateway4, who);
    if (s.gateway && config.gateway6) know(group, *config.gateway6, who);
    if (!s.gateway && !s.serve && !s.dns) return;
    if (!s.gateway && !s.address4.is_unspecified()) know(group, s.address4, who);
    know(group, s.address6, who);
  }

  void add_configured(GroupIndex group, MacAddress mac, const IpAddress& address, bool firm) {
    Neighbour who{mac};
    who.firm = firm;
    if (const Owner* owner = snapshot.owner(group, address)) {
      who.mac = owner->mac;
      who.port = owner->port;
      who.shared = owner->shared;
    }
    know(group, address, who);
  }

  void add_group(GroupIndex group, const Services& services) {
    add_services(group, services);
    for (const Lease& lease : snapshot.group_config(group).registry) {
      add_configured(group, lease.mac, lease.address, true);
      allow(group, lease.mac, lease.address);
    }
    for (const PortIndex port : snapshot.members(snapshot.group(group)))
      add_port(group, services, port);
    for (const Lease& lease : snapshot.group_config(group).registry)
      derive(group, services, lease.mac);
  }

  void add_port(GroupIndex group, const Services& services, PortIndex index) {
    const Port& port = snapshot.port_config(index);
    if (port.kind != PortKind::guest) return;
    for (const IpAddress& address : port.addresses) {
      if (!port.macs.empty()) add_configured(group, port.macs.front(), address, false);
      usable.push_back({{index, address}, 0});
    }
    for (const MacAddress& mac : port.macs) derive(group, services, mac);
  }
};

Neighbours::Neighbours(const Snapshot& snapshot, const std::vector<Services>& services)
    : first_(snapshot.port_count()) {
  Draft draft{snapshot, {}, {}};
  for (size_t group = 0; group < services.size(); ++group)
    draft.add_group(static_cast<GroupIndex>(group), services[group]);
  known_ = FlatTable<OwnerKey, Neighbour>(draft.known);
  usable_ = FlatTable<PortAddress, uint8_t>(draft.usable);
  for (const auto& [key, unused] : draft.usable) {
    IpAddress& first = first_[key.port][key.address.is_v4() ? 0 : 1];
    if (first.is_unspecified()) first = key.address;
  }
  // Where a port has none, what stands there must be no address that could be sent from.
  for (auto& first : first_)
    for (IpAddress& address : first)
      if (address.is_unspecified()) address = packet::all_nodes();
}

}  // namespace bridle::net
