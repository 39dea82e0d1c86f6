// Snapshot: what one Config means, as flat tables that workers read. Built from a Config and
// nothing else, never changed; a change of configuration is another snapshot (switch/switch.h
// publishes it).
//
//   PortIndex, GroupIndex  places of ports and groups in it; other snapshots have other places
//   PortView, GroupView    what modules ask of each frame, in a cache line
//   to()                   who has a MAC address inside a group: the only forwarding there is
//   owner()                who has an IP address inside a group: registry and Port::addresses
//
// Trunk ports (and uplinks of group 0) take part in every group whose access identifier they carry.
//
// What build() refuses it names by path, like config_from_json(): a reference to nothing, one MAC
// address on two ports of a group unless each lists it in `macs` and both are guests (a shared
// address: VRRP; the port that last sent from it has it), an identifier twice, two groups with one
// VLAN identifier on one trunk.
//
// Thread class: immutable.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "switch/config.h"
#include "switch/frame.h"
#include "switch/table.h"

namespace bridle::net {

constexpr uint16_t no_trunk = 0xffff;

struct alignas(64) PortView {
  uint64_t mac = 0;  // the effective address as MacAddress::key()
  uint32_t id = 0;
  GroupIndex group = no_group;  // no_group: by tag
  PortKind kind = PortKind::guest;
  VlanMode vlan_mode = VlanMode::access;
  uint16_t vlan = 0;          // access: the identifier inside; trunk: the native one, 0: none
  uint16_t trunk = no_trunk;  // trunk: place of what it carries
  uint16_t macs_count = 0;    // all its addresses: Snapshot::macs()
  uint32_t macs_begin = 0;
  uint32_t mtu = 1500;
  uint32_t shares = 1000;
  uint32_t learning = 0;  // addresses that it may use beside its own
  bool tag = false;       // access: its frames are tagged with `vlan` outside (uplinks)
  bool promiscuous = false, mac_changes = false, forged_transmits = false;
  bool link = true;
  bool known_machine = true, stale_machine = false;
  bool shares_addresses = false;  // some of its addresses are other ports', too
  bool transit = false;
  bool limited_send = false, limited_receive = false;  // a Rate is set
  bool outside() const { return kind == PortKind::uplink || kind == PortKind::ring; }
};

struct GroupView {
  uint32_t id = 0;
  uint32_t mtu = 1500;
  bool flood_multicast = true;
  bool learns = false;  // some port of it may learn
  bool uniform = true;  // all its frames are of one VLAN: no member needs to filter
  Teaming teaming = Teaming::active_standby;
  uint16_t vlan = 0;  // access identifier
  // Ranges in Snapshot's arrays.
  uint32_t members_begin = 0, members_count = 0;          // everybody but mirrors
  uint32_t promiscuous_begin = 0, promiscuous_count = 0;  // of these, who sees everything
  uint32_t uplinks_begin = 0, uplinks_count = 0;  // in the order of Config: the first is preferred
};

// Who has an address.
struct Destination {
  enum Kind : uint8_t {
    port,    // `value` is a PortIndex
    list,    // a configured multicast group: Snapshot::list(value)
    shared,  // an address of several ports: Snapshot::sharers(value)
  };
  Kind kind = port;
  uint16_t value = no_port;
};

struct Owner {
  MacAddress mac;
  PortIndex port = no_port;  // no_port: in another zone, or outside
  bool shared = false;       // several ports may have it (VRRP): nobody answers in their name
};

struct OwnerKey {
  GroupIndex group = no_group;
  IpAddress address;
  bool operator==(const OwnerKey&) const = default;
};
uint64_t table_hash(const OwnerKey& key);

class Snapshot {
 public:
  static Result<std::shared_ptr<const Snapshot>> build(Config config);

  const Config& config() const { return config_; }
  size_t port_count() const { return ports_.size(); }
  size_t group_count() const { return groups_.size(); }
  const PortView& port(PortIndex index) const { return ports_[index]; }
  const GroupView& group(GroupIndex index) const { return groups_[index]; }
  const Port& port_config(PortIndex index) const { return config_.ports[index]; }
  const Group& group_config(GroupIndex index) const { return config_.groups[index]; }
  PortIndex port_by_id(uint32_t id) const;  // no_port: there is none
  GroupIndex group_by_id(uint32_t id) const;

  static uint64_t key(GroupIndex group, MacAddress mac) {
    return uint64_t{group} << 48 | mac.key();
  }
  const FlatTable<uint64_t, Destination>& to() const { return to_; }
  const Owner* owner(GroupIndex group, const IpAddress& address) const {
    return owners_.find({group, address});
  }
  std::span<const PortIndex> members(const GroupView& group) const {
    return {places_.data() + group.members_begin, group.members_count};
  }
  std::span<const PortIndex> promiscuous(const GroupView& group) const {
    return {places_.data() + group.promiscuous_begin, group.promiscuous_count};
  }
  std::span<const PortIndex> uplinks(const GroupView& group) const {
    return {places_.data() + group.uplinks_begin, group.uplinks_count};
  }
  std::span<const uint64_t> macs(const PortView& port) const {
    return {macs_.data() + port.macs_begin, port.macs_count};
  }
  // Ports of a configured multicast group.
  std::span<const PortIndex> list(uint16_t place) const { return lists_[place]; }
  // Shared addresses, numbered, and the ports that may claim each.
  size_t shared_count() const { return shared_.size(); }
  uint64_t shared_key(uint16_t place) const { return shared_[place].first; }
  std::span<const PortIndex> sharers(uint16_t place) const { return shared_[place].second; }

  // Trunk ports: the group that frames with this tag are of; no_group: not carried.
  GroupIndex carried(const PortView& port, uint16_t vlan) const {
    return trunks_[port.trunk][vlan & 0xfff];
  }
  // Does a member of the frame's group take frames of its VLAN?
  bool carries(const PortView& port, const Frame& frame) const {
    if (port.vlan_mode == VlanMode::trunk) return carried(port, frame.vlan) == frame.group;
    return frame.vlan == port.vlan;
  }

 private:
  friend class SnapshotBuilder;
  Snapshot() = default;

  Config config_;
  std::vector<PortView> ports_;
  std::vector<GroupView> groups_;
  FlatTable<uint64_t, Destination> to_;
  FlatTable<OwnerKey, Owner> owners_;
  FlatTable<uint64_t, uint16_t> ports_by_id_, groups_by_id_;
  std::vector<PortIndex> places_;
  std::vector<uint64_t> macs_;
  std::vector<std::vector<PortIndex>> lists_;
  std::vector<std::pair<uint64_t, std::vector<PortIndex>>> shared_;
  std::vector<std::vector<GroupIndex>> trunks_;  // 4096 each
};

}  // namespace bridle::net
