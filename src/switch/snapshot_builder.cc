#include "switch/snapshot_builder.h"

#include <algorithm>

#include "switch/graph.h"

namespace bridle::net {
namespace {

constexpr size_t most_ports = 60'000, most_groups = 60'000;
constexpr uint16_t largest_vlan = 4094;
constexpr uint32_t smallest_mtu = 68, largest_mtu = 65'535;  // RFC 791
constexpr uint32_t most_learned = 4096, most_shares = 1'000'000;

// Numbers by id, for the tables; ids are unique and not 0.
template <typename Item>
Result<FlatTable<uint64_t, uint16_t>> number(const std::vector<Item>& items,
                                             std::string_view list) {
  std::vector<std::pair<uint64_t, uint16_t>> numbered;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].id == 0) return config_error(at(list, i, "id"), "0 is nobody's");
    numbered.emplace_back(items[i].id, static_cast<uint16_t>(i));
  }
  FlatTable<uint64_t, uint16_t> table(numbered);
  for (size_t i = 0; i < items.size(); ++i)
    if (const uint16_t first = *table.find(items[i].id); first != i)
      return config_error(at(list, i, "id"), "is " + at(list, first, "id") + ", too");
  return table;
}

Status check_vlan(const Vlan& vlan, const std::string& path) {
  const auto too_large = [](uint16_t id) { return id > largest_vlan; };
  if (too_large(vlan.id) || too_large(vlan.native) ||
      std::any_of(vlan.allowed.begin(), vlan.allowed.end(), too_large))
    return config_error(path, "an identifier is at most 4094");
  if (vlan.mode != VlanMode::access && vlan.id != 0)
    return config_error(path + ".id", "only for access");
  if (vlan.mode != VlanMode::trunk && (!vlan.allowed.empty() || vlan.native != 0))
    return config_error(path, "allowed and native are for trunks");
  return {};
}

}  // namespace

SnapshotBuilder::SnapshotBuilder(Config config)
    : out_(std::shared_ptr<Snapshot>(new Snapshot)), config_(out_->config_) {
  config_ = std::move(config);
}

Status SnapshotBuilder::check_sizes() const {
  if (config_.ports.size() > most_ports) return config_error("ports", "too many");
  if (config_.groups.size() > most_groups) return config_error("groups", "too many");
  return check_modules(config_.modules);
}

Status SnapshotBuilder::number_groups() {
  BRIDLE_TRY(out_->groups_by_id_, number(config_.groups, "groups"));
  for (size_t i = 0; i < config_.groups.size(); ++i) {
    BRIDLE_CHECK(check_group(i));
    const Group& group = config_.groups[i];
    GroupView view;
    view.id = group.id;
    view.mtu = group.mtu;
    view.flood_multicast = group.flood_multicast;
    view.teaming = group.teaming;
    view.vlan = group.vlan.id;
    out_->groups_.push_back(view);
  }
  return {};
}

Status SnapshotBuilder::check_group(size_t index) const {
  const Group& group = config_.groups[index];
  if (group.mtu < smallest_mtu || group.mtu > largest_mtu)
    return config_error(at("groups", index, "mtu"), "from 68 to 65535");
  size_t families[2] = {};
  for (const IpPrefix& prefix : group.prefixes)
    if (++families[prefix.address.is_v4() ? 0 : 1] > 1)
      return config_error(at("groups", index, "prefixes"), "at most one of each family");
  return check_vlan(group.vlan, at("groups", index, "vlan"));
}

Status SnapshotBuilder::number_ports() {
  BRIDLE_TRY(out_->ports_by_id_, number(config_.ports, "ports"));
  for (size_t i = 0; i < config_.ports.size(); ++i) {
    BRIDLE_CHECK(check_port(i));
    BRIDLE_CHECK(view_port(static_cast<PortIndex>(i)));
  }
  return {};
}

Status SnapshotBuilder::check_port(size_t index) const {
  const Port& port = config_.ports[index];
  const bool no_group_needed =
      port.kind == PortKind::uplink || port.kind == PortKind::ring || port.kind == PortKind::mirror;
  if (port.group == 0 && !no_group_needed)
    return config_error(at("ports", index, "group"), "missing");
  if (port.group != 0 && out_->group_by_id(port.group) == no_group)
    return config_error(at("ports", index, "group"), "there is no such group");
  if (port.group == 0 && port.vlan && port.vlan->mode != VlanMode::trunk)
    return config_error(at("ports", index, "vlan.mode"), "a port of all groups is a trunk");
  if (port.shares == 0 || port.shares > most_shares)
    return config_error(at("ports", index, "shares"), "from 1 to 1000000");
  if (port.kind == PortKind::guest && port.macs.empty())
    return config_error(at("ports", index, "macs"), "a guest has an address");
  if (port.learning.most > most_learned)
    return config_error(at("ports", index, "learning.most"), "at most 4096");
  for (const MacAddress& mac : port.macs)
    if (mac.is_multicast() || mac.is_zero())
      return config_error(at("ports", index, "macs"), mac.text() + " is nobody's address");
  return port.vlan ? check_vlan(*port.vlan, at("ports", index, "vlan")) : Status{};
}

void SnapshotBuilder::set_vlan(const Port& port, PortView& view) const {
  const Vlan trunk{.mode = VlanMode::trunk};
  const Vlan& of_group = view.group == no_group ? trunk : config_.groups[view.group].vlan;
  const Vlan& vlan = port.vlan ? *port.vlan : of_group;
  view.vlan_mode = vlan.mode;
  view.vlan = vlan.mode == VlanMode::trunk ? vlan.native : vlan.id;
  view.tag = port.kind == PortKind::uplink && vlan.mode == VlanMode::access && vlan.id != 0;
}

Status SnapshotBuilder::view_port(PortIndex index) {
  const Port& port = config_.ports[index];
  PortView view;
  view.id = port.id;
  view.kind = port.kind;
  view.group = port.group == 0 ? no_group : out_->group_by_id(port.group);
  if (view.kind != PortKind::mirror) set_vlan(port, view);
  view.macs_begin = static_cast<uint32_t>(out_->macs_.size());
  if (port.macs.size() > UINT16_MAX) return config_error(at("ports", index, "macs"), "too many");
  view.macs_count = static_cast<uint16_t>(port.macs.size());
  for (const MacAddress& mac : port.macs) out_->macs_.push_back(mac.key());
  view.mac = port.macs.empty() ? 0 : port.macs.front().key();
  view.mtu = view.group == no_group ? largest_mtu : config_.groups[view.group].mtu;
  view.shares = port.shares;
  const Security security = port.security            ? *port.security
                            : view.group == no_group ? Security{}
                                                     : config_.groups[view.group].security;
  view.promiscuous = security.promiscuous;
  view.mac_changes = security.mac_changes;
  view.forged_transmits = security.forged_transmits;
  view.link = port.link;
  view.transit = port.transit && port.kind == PortKind::ring;
  view.limited_send = port.send.bits_per_second != 0;
  view.limited_receive = port.receive.bits_per_second != 0;
  view.learning = port.kind == PortKind::guest ? port.learning.most : 0;
  if (view.learning > 0 && view.vlan_mode == VlanMode::trunk)
    return config_error(at("ports", index, "learning"), "not on a trunk");
  out_->ports_.push_back(view);
  return {};
}

// Of one machine only the newest generation takes part (docs/switch.md: fencing).
void SnapshotBuilder::judge_machines() {
  std::map<Uuid, uint64_t> newest;
  for (const Port& port : config_.ports) {
    uint64_t& generation = newest[port.machine.uuid];
    generation = std::max(generation, port.machine.generation);
  }
  for (size_t i = 0; i < config_.ports.size(); ++i) {
    const Port& port = config_.ports[i];
    if (port.kind != PortKind::guest) continue;
    PortView& view = out_->ports_[i];
    view.known_machine = !port.machine.uuid.is_nil();
    view.stale_machine = view.known_machine && port.machine.generation < newest[port.machine.uuid];
  }
}

Status SnapshotBuilder::check_mirrors() const {
  for (size_t i = 0; i < config_.mirrors.size(); ++i) {
    const Mirror& mirror = config_.mirrors[i];
    if (out_->port_by_id(mirror.to) == no_port)
      return config_error(at("mirrors", i, "to"), "there is no such port");
    for (const uint32_t id : mirror.ports)
      if (out_->port_by_id(id) == no_port)
        return config_error(at("mirrors", i, "ports"), "there is no port " + std::to_string(id));
    for (const uint32_t id : mirror.groups)
      if (out_->group_by_id(id) == no_group)
        return config_error(at("mirrors", i, "groups"), "there is no group " + std::to_string(id));
  }
  return {};
}

Result<std::shared_ptr<const Snapshot>> SnapshotBuilder::build() {
  BRIDLE_CHECK(check_sizes());
  BRIDLE_CHECK(number_groups());
  BRIDLE_CHECK(number_ports());
  judge_machines();
  BRIDLE_CHECK(check_mirrors());
  BRIDLE_CHECK(build_trunks());
  build_members();
  BRIDLE_CHECK(build_destinations());
  BRIDLE_CHECK(build_owners());
  return std::shared_ptr<const Snapshot>(out_);
}

Result<std::shared_ptr<const Snapshot>> Snapshot::build(Config config) {
  return SnapshotBuilder(std::move(config)).build();
}

PortIndex Snapshot::port_by_id(uint32_t id) const {
  const uint16_t* index = ports_by_id_.find(id);
  return index == nullptr ? no_port : *index;
}

GroupIndex Snapshot::group_by_id(uint32_t id) const {
  const uint16_t* index = groups_by_id_.find(id);
  return index == nullptr ? no_group : *index;
}

}  // namespace bridle::net
