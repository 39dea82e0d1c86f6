#include <algorithm>
#include <cstring>

#include "switch/snapshot_builder.h"

namespace bridle::net {
namespace {

constexpr size_t most_trunks = 8192, most_uplinks = 8, vlans = 4096;

bool is_carried(const Vlan& vlan, uint16_t id, bool all) {
  return (all && vlan.allowed.empty()) || id == vlan.native ||
         std::find(vlan.allowed.begin(), vlan.allowed.end(), id) != vlan.allowed.end();
}

MacAddress mac_of(uint64_t key) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), &key, mac.bytes.size());
  return mac;
}

}  // namespace

uint64_t table_hash(const OwnerKey& key) {
  uint64_t halves[2];
  std::memcpy(halves, key.address.bytes.data(), sizeof(halves));
  const uint64_t mixed = (halves[0] + key.group) * 0x9e3779b97f4a7c15;
  return (mixed ^ mixed >> 29) + halves[1];
}

Status SnapshotBuilder::build_trunks() {
  std::map<uint16_t, GroupIndex> by_vlan;
  for (size_t i = 0; i < config_.groups.size(); ++i) {
    const Vlan& vlan = config_.groups[i].vlan;
    if (vlan.mode != VlanMode::access || vlan.id == 0) continue;
    const auto [found, fresh] = by_vlan.emplace(vlan.id, static_cast<GroupIndex>(i));
    if (!fresh) found->second = no_group;  // of two: no trunk can tell them apart
  }
  for (size_t i = 0; i < config_.ports.size(); ++i)
    if (out_->ports_[i].vlan_mode == VlanMode::trunk && out_->ports_[i].kind != PortKind::mirror)
      BRIDLE_CHECK(build_trunk(static_cast<PortIndex>(i), by_vlan));
  return {};
}

Status SnapshotBuilder::build_trunk(PortIndex index,
                                    const std::map<uint16_t, GroupIndex>& by_vlan) {
  PortView& view = out_->ports_[index];
  const Port& port = config_.ports[index];
  const bool all_groups = view.group == no_group;
  const Vlan trunk{.mode = VlanMode::trunk};
  const Vlan& vlan = port.vlan ? *port.vlan : all_groups ? trunk : config_.groups[view.group].vlan;
  if (out_->trunks_.size() >= most_trunks)
    return config_error(at("ports", index, "vlan"), "too many trunks");
  std::vector<GroupIndex> carried(vlans, no_group);
  for (uint16_t id = 1; id < vlans - 1; ++id) {
    if (!is_carried(vlan, id, all_groups)) continue;
    const auto found = by_vlan.find(id);
    carried[id] = found != by_vlan.end() ? found->second : view.group;
    if (found != by_vlan.end() && found->second == no_group)
      return config_error(at("ports", index, "vlan"),
                          "two groups have the identifier " + std::to_string(id));
  }
  view.trunk = static_cast<uint16_t>(out_->trunks_.size());
  out_->trunks_.push_back(std::move(carried));
  return {};
}

void SnapshotBuilder::collect_members(std::vector<std::vector<PortIndex>>& members) const {
  for (size_t i = 0; i < out_->ports_.size(); ++i) {
    const PortView& view = out_->ports_[i];
    if (view.kind == PortKind::mirror) continue;
    std::vector<GroupIndex> groups;
    if (view.group != no_group) groups.push_back(view.group);
    if (view.trunk != no_trunk)
      for (const GroupIndex group : out_->trunks_[view.trunk])
        if (group != no_group) groups.push_back(group);
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    for (const GroupIndex group : groups) members[group].push_back(static_cast<PortIndex>(i));
  }
}

void SnapshotBuilder::build_members() {
  members_.resize(config_.groups.size());
  collect_members(members_);
  std::vector<PortIndex>& places = out_->places_;
  for (size_t g = 0; g < members_.size(); ++g) {
    GroupView& group = out_->groups_[g];
    group.members_begin = static_cast<uint32_t>(places.size());
    group.members_count = static_cast<uint32_t>(members_[g].size());
    places.insert(places.end(), members_[g].begin(), members_[g].end());
    group.promiscuous_begin = static_cast<uint32_t>(places.size());
    for (const PortIndex index : members_[g]) {
      const PortView& port = out_->ports_[index];
      if (port.promiscuous && port.kind == PortKind::guest) places.push_back(index);
      group.learns = group.learns || port.learning > 0 || port.mac_changes;
      // Trunks of other groups bring only what is tagged as this group's.
      const bool same =
          port.vlan_mode == VlanMode::trunk ? port.group != g : port.vlan == group.vlan;
      group.uniform = group.uniform && same;
    }
    group.promiscuous_count = static_cast<uint32_t>(places.size()) - group.promiscuous_begin;
  }
}

// Uplinks; where there are none, the rings that lead to the zone that has them.
Status SnapshotBuilder::build_uplinks(GroupIndex index, const std::vector<PortIndex>& members) {
  std::vector<PortIndex>& places = out_->places_;
  GroupView& group = out_->groups_[index];
  group.uplinks_begin = static_cast<uint32_t>(places.size());
  for (const PortIndex port : members)
    if (out_->ports_[port].kind == PortKind::uplink) places.push_back(port);
  if (places.size() == group.uplinks_begin)
    for (const PortIndex port : members)
      if (out_->ports_[port].transit) places.push_back(port);
  group.uplinks_count = static_cast<uint32_t>(places.size()) - group.uplinks_begin;
  if (group.uplinks_count > most_uplinks)
    return config_error(at("groups", index, "id"), "has more than 8 uplinks");
  return {};
}

Status SnapshotBuilder::add_destination(GroupIndex group, PortIndex port, MacAddress mac,
                                        bool effective) {
  const uint64_t key = Snapshot::key(group, mac);
  const auto [found, fresh] = to_.emplace(key, Destination{Destination::port, port});
  Destination& there = found->second;
  if (fresh || (there.kind == Destination::port && there.value == port)) return {};
  const bool listed = there.kind == Destination::shared;
  const PortIndex other = listed ? out_->shared_[there.value].second.front() : there.value;
  const bool may_share = !effective && out_->ports_[port].kind == PortKind::guest &&
                         out_->ports_[other].kind == PortKind::guest &&
                         out_->ports_[other].mac != mac.key();
  if (!may_share)
    return config_error(at("ports", port, "macs"),
                        mac.text() + " belongs to " + at("ports", other, "macs"));
  if (!listed) {
    there = {Destination::shared, static_cast<uint16_t>(out_->shared_.size())};
    out_->shared_.push_back({key, {other}});
    out_->ports_[other].shares_addresses = true;
  }
  out_->shared_[there.value].second.push_back(port);
  out_->ports_[port].shares_addresses = true;
  return {};
}

Status SnapshotBuilder::build_multicast(GroupIndex group) {
  const auto& entries = config_.groups[group].multicast;
  std::map<uint64_t, std::vector<PortIndex>> lists;
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& [mac, id] = entries[i];
    const PortIndex port = out_->port_by_id(id);
    const auto& members = members_[group];
    if (!mac.is_multicast() || std::find(members.begin(), members.end(), port) == members.end())
      return config_error(at("groups", group, "multicast") + '[' + std::to_string(i) + ']',
                          "needs a group address and a port of the group");
    lists[mac.key()].push_back(port);
  }
  for (auto& [key, ports] : lists) {
    if (out_->lists_.size() >= UINT16_MAX)
      return config_error(at("groups", group, "multicast"), "too many addresses");
    to_[Snapshot::key(group, mac_of(key))] = {Destination::list,
                                              static_cast<uint16_t>(out_->lists_.size())};
    out_->lists_.push_back(std::move(ports));
  }
  return {};
}

Status SnapshotBuilder::build_destinations() {
  for (size_t g = 0; g < members_.size(); ++g) {
    const auto group = static_cast<GroupIndex>(g);
    BRIDLE_CHECK(build_uplinks(group, members_[g]));
    for (const PortIndex port : members_[g]) {
      const std::vector<MacAddress>& macs = config_.ports[port].macs;
      for (size_t i = 0; i < macs.size(); ++i)
        BRIDLE_CHECK(add_destination(group, port, macs[i], i == 0));
    }
    // The gateway is behind the nat port, whether that says so or not.
    const MacAddress gateway = config_.groups[g].gateway_mac;
    for (const PortIndex port : members_[g])
      if (!gateway.is_zero() && out_->ports_[port].kind == PortKind::nat)
        to_.emplace(Snapshot::key(group, gateway), Destination{Destination::port, port});
    BRIDLE_CHECK(build_multicast(group));
  }
  out_->to_ = FlatTable<uint64_t, Destination>({to_.begin(), to_.end()});
  return {};
}

void SnapshotBuilder::add_owner(GroupIndex group, const IpAddress& address, MacAddress mac) {
  Owner owner{mac};
  if (const auto found = to_.find(Snapshot::key(group, mac)); found != to_.end()) {
    owner.shared = found->second.kind == Destination::shared;
    if (found->second.kind == Destination::port) owner.port = found->second.value;
  }
  const auto [there, fresh] = owners_.emplace(std::pair(group, address), owner);
  if (fresh || there->second.mac == mac) return;
  there->second.shared = true;
  there->second.port = no_port;
}

Status SnapshotBuilder::build_owners() {
  for (size_t g = 0; g < members_.size(); ++g) {
    const auto group = static_cast<GroupIndex>(g);
    const auto& registry = config_.groups[g].registry;
    for (size_t i = 0; i < registry.size(); ++i) {
      const auto found = owners_.find({group, registry[i].address});
      if (found != owners_.end() && found->second.mac != registry[i].mac)
        return config_error(at("groups", g, "registry") + '[' + std::to_string(i) + "].address",
                            registry[i].address.text() + " is another's");
      add_owner(group, registry[i].address, registry[i].mac);
    }
  }
  for (size_t p = 0; p < config_.ports.size(); ++p) {
    const Port& port = config_.ports[p];
    const GroupIndex group = out_->ports_[p].group;
    if (group == no_group || port.macs.empty()) continue;
    for (const IpAddress& address : port.addresses) add_owner(group, address, port.macs.front());
  }
  std::vector<std::pair<OwnerKey, Owner>> content;
  for (const auto& [key, owner] : owners_) content.push_back({{key.first, key.second}, owner});
  out_->owners_ = FlatTable<OwnerKey, Owner>(content);
  return {};
}

}  // namespace bridle::net
