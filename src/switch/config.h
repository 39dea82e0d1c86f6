// Config: all that one switch should be, as the control plane wants it. It travels whole, with a
// generation; the switch builds an immutable snapshot of it, publishes that, keeps the text on disk
// and acknowledges the generation. JSON: docs/switch.md; config_from_json() is the only reader,
// refuses what it does not know by path ("ports[3].group: ..."), and is fuzzed.
//
// A Group is a Network as far as this zone goes (vSphere: port group). Ports are told apart by
// `id`, which the control plane never reuses; a port whose id, attachment and place stay the same
// keeps its connection, counters and queues through any change of the rest.
//
// Thread class: values. No I/O.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "packet/address.h"

namespace bridle::net {

namespace json = boost::json;
using packet::IpAddress;
using packet::IpPrefix;
using packet::MacAddress;

enum class PortKind : uint8_t {
  guest,   // an interface of a machine
  uplink,  // to a physical network: what came in by one leaves by none
  nat,     // to the namespace that masquerades (gateway of its group)
  ring,    // to the switch of another zone
  mirror,  // where a mirror sends to, and nothing comes from
};

enum class Attachment : uint8_t { vhost_user, datagram, tap, af_packet, af_xdp, ring, memory };

// vSphere's three, all reject by default.
struct Security {
  bool promiscuous = false;       // sees every frame of its group
  bool mac_changes = false;       // may receive for another address than its own
  bool forged_transmits = false;  // may send from an address that is not its own
  bool operator==(const Security&) const = default;
};

struct Rate {
  uint64_t bits_per_second = 0;  // 0: no limit
  uint64_t burst_bytes = 0;      // 0: what 10 ms of the rate is, at least one largest frame
  bool operator==(const Rate&) const = default;
};

enum class VlanMode : uint8_t {
  access,  // untagged towards the port; inside, its group's identifier
  trunk,   // tagged; only `allowed` identifiers; untagged frames are of `native`, 0: dropped
  guest,   // the guest tags as it likes inside its group: tags are payload (VGT)
};

struct Vlan {
  VlanMode mode = VlanMode::access;
  uint16_t id = 0;  // access: the tag on uplinks; 0: none
  std::vector<uint16_t> allowed;
  uint16_t native = 0;
  bool operator==(const Vlan&) const = default;
};

struct Lease {  // what DHCP gives, what ARP and ND answer, what the source guard allows
  MacAddress mac;
  IpAddress address;
  std::string host_name;  // "web": for DHCP and DNS
  bool operator==(const Lease&) const = default;
};

struct Dhcp {
  bool serve = false;
  uint32_t lease_seconds = 3600;
  std::vector<IpAddress> name_servers;
  std::string domain;  // "lab.internal"
  bool operator==(const Dhcp&) const = default;
};

// Several uplinks of one group.
enum class Teaming : uint8_t { active_standby, by_port, by_mac, by_hash };

struct Group {
  std::string name;  // "lab/default": for people
  Uuid uuid;
  uint32_t id = 0;  // of this host's numbers, never reused
  Vlan vlan;
  Security security;
  bool flood_multicast = true;  // inside the group; false: only `multicast` below
  std::vector<std::pair<MacAddress, uint32_t>> multicast;  // address, port id that gets it
  uint32_t mtu = 1500;                                     // bytes of payload
  std::vector<IpPrefix> prefixes;                          // at most one of each family
  std::optional<IpAddress> gateway4, gateway6;
  MacAddress gateway_mac;       // of the nat port's other side; zero: there is no gateway
  std::vector<Lease> registry;  // who has which address, also in other zones
  bool answer_arp = true;       // ARP and ND from the registry, never flooded
  bool guard_sources = true;    // a guest sends only from addresses the registry gives it
  bool guard_dhcp = true;       // guests are no DHCP servers
  bool guard_ra = true;         // guests are no routers (RFC 6105)
  Dhcp dhcp;
  bool dns = false;  // answers for names of the registry
  Teaming teaming = Teaming::active_standby;
  uint32_t fate = 0;  // uplinks of groups with the same number (not 0) fail together
  bool operator==(const Group&) const = default;
};

struct Learning {     // inside one port, opt-in (nested guests); never another port's address
  uint32_t most = 0;  // addresses; 0: off
  bool operator==(const Learning&) const = default;
};

struct Port {
  uint32_t id = 0;
  std::string name;  // "web/net0": for people
  PortKind kind = PortKind::guest;
  Attachment attachment = Attachment::memory;
  // vhost_user: the path of QEMU's socket as the switch sees it. Others: the name under which the
  // jail hands over the descriptor.
  std::string place;
  MachineId machine;                 // guests
  uint32_t group = 0;                // Group::id; trunk uplinks: 0, they carry every group by tag
  std::vector<MacAddress> macs;      // guests: its own, the first is the effective one; ring, nat,
                                     // uplink: who is behind it (uplink: everyone unknown, too)
  std::vector<IpAddress> addresses;  // beside the registry's (VRRP, containers)
  std::optional<Security> security;  // instead of the group's
  std::optional<Vlan> vlan;          // instead of the group's
  Rate send, receive;                // as the guest sees it
  uint32_t shares = 1000;            // weight among ports that want more than there is
  Learning learning;
  bool link = true;  // false: everything is dropped (link_down)
  // Rings of groups whose uplinks are in one zone only: there, what comes from the ring may leave
  // by uplinks; in the other zones, what is unknown goes to the ring. Never set where both have
  // uplinks.
  bool transit = false;
  bool operator==(const Port&) const = default;
};

struct Mirror {
  uint32_t id = 0;
  std::vector<uint32_t> ports;   // copied: what these send and receive
  std::vector<uint32_t> groups;  // and all ports of these
  uint32_t to = 0;               // a port's id
  uint32_t snap = 0;             // bytes of each frame; 0: whole
  bool operator==(const Mirror&) const = default;
};

struct Config {
  uint64_t generation = 0;
  std::string zone;
  std::vector<Group> groups;
  std::vector<Port> ports;
  std::vector<Mirror> mirrors;
  std::vector<std::string> modules;  // the graph, in order; empty: the default one
  uint32_t workers = 1;
  bool operator==(const Config&) const = default;
};

Result<Config> config_from_json(const json::object& document);
json::object to_json(const Config& config);

}  // namespace bridle::net
