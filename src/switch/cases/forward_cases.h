// Packet cases of forwarding: configured tables only, groups, uplinks without loops, rings, NAT.
#pragma once

#include "switch/testing/packet_case.h"

namespace bridle::net::testing {

constexpr uint32_t uplink_id = 10, second_uplink_id = 11, ring_id = 20, second_ring_id = 21,
                   nat_id = 30;
constexpr MacAddress outsider = {{0x02, 0, 0, 0, 0, 0x99}};

inline Config with_uplink() {
  return with(plain_config(), [](Config& config) {
    config.ports.push_back(plain_port(uplink_id, PortKind::uplink));
  });
}

inline Config with_rings() {
  return with(with_uplink(), [](Config& config) {
    config.ports.push_back(plain_port(ring_id, PortKind::ring));
    config.ports.push_back(plain_port(second_ring_id, PortKind::ring));
    config.ports[4].macs = {mac(40)};
    config.ports[5].macs = {mac(50)};
  });
}

inline Config with_transit() {
  return with(with_rings(), [](Config& config) { config.ports[4].transit = true; });
}

// A zone without uplinks: ring 20 leads to the one that has them.
inline Config behind_transit() {
  return with(with_transit(), [](Config& config) { config.ports.erase(config.ports.begin() + 3); });
}

inline std::vector<PacketCase> forward_cases() {
  const Bytes one_to_two = ethernet(mac(2), mac(1));
  const Bytes to_all = ethernet(MacAddress::broadcast(), mac(1));
  const Bytes to_group = ethernet(group_mac(7), mac(1));
  const Bytes to_unknown = ethernet(outsider, mac(1));
  const Bytes from_outside = ethernet(mac(1), outsider);
  const Bytes all_from_outside = ethernet(MacAddress::broadcast(), outsider);
  const Bytes unknown_from_outside = ethernet(mac(77), outsider);
  std::vector<PacketCase> cases{
      {"to the port that has the address", plain_config(), 1, one_to_two, {{2, one_to_two}}, {}},
      {"unknown, no uplink", plain_config(), 1, to_unknown, {}, Drop::no_destination},
      {"to itself", plain_config(), 1, ethernet(mac(1), mac(1)), {}, Drop::same_port},
      {"to everybody", plain_config(), 1, to_all, {{2, to_all}, {3, to_all}}, {}},
      {"to a group address, flooded",
       plain_config(),
       1,
       to_group,
       {{2, to_group}, {3, to_group}},
       {}},
      {"alone", plain_config(1), 1, to_all, {}, Drop::no_member},
      {"unknown goes to the uplink", with_uplink(), 1, to_unknown, {{uplink_id, to_unknown}}, {}},
      {"known does not", with_uplink(), 1, one_to_two, {{2, one_to_two}}, {}},
      {"from the uplink to a guest",
       with_uplink(),
       uplink_id,
       from_outside,
       {{1, from_outside}},
       {}},
      {"unknown from the uplink",
       with_uplink(),
       uplink_id,
       unknown_from_outside,
       {},
       Drop::uplink_to_uplink},
      {"flooded from the uplink reaches guests only",
       with_rings(),
       uplink_id,
       all_from_outside,
       {{1, all_from_outside},
        {2, all_from_outside},
        {3, all_from_outside},
        {ring_id, all_from_outside},
        {second_ring_id, all_from_outside}},
       {}},
      {"to a guest of another zone",
       with_rings(),
       1,
       ethernet(mac(40), mac(1)),
       {{ring_id, ethernet(mac(40), mac(1))}},
       {}},
      {"from a ring to no other ring",
       with_rings(),
       ring_id,
       ethernet(mac(50), mac(40)),
       {},
       Drop::ring_to_ring},
      {"from a ring to no uplink",
       with_rings(),
       ring_id,
       ethernet(outsider, mac(40)),
       {},
       Drop::uplink_to_uplink},
      {"flooded from a ring reaches guests only",
       with_rings(),
       ring_id,
       ethernet(MacAddress::broadcast(), mac(40)),
       {{1, ethernet(MacAddress::broadcast(), mac(40))},
        {2, ethernet(MacAddress::broadcast(), mac(40))},
        {3, ethernet(MacAddress::broadcast(), mac(40))}},
       {}},
      {"from a transit ring to the uplink",
       with_transit(),
       ring_id,
       ethernet(outsider, mac(40)),
       {{uplink_id, ethernet(outsider, mac(40))}},
       {}},
      {"unknown goes to the transit ring",
       behind_transit(),
       1,
       to_unknown,
       {{ring_id, to_unknown}},
       {}},
      {"from the transit ring, unknown, nowhere",
       behind_transit(),
       ring_id,
       unknown_from_outside,
       {},
       Drop::uplink_to_uplink},
      {"never learned from the network: a stranger's address stays unknown",
       plain_config(),
       1,
       to_unknown,
       {},
       Drop::no_destination,
       {},
       {},
       [](World& world) {
         world.at(2).push(ethernet(mac(1), outsider));
         world.settle();
         world.forget();
       }},
  };
  const auto other_group = with(plain_config(), [](Config& config) {
    config.groups.push_back(plain_group(2));
    config.ports[1].group = 2;
  });
  cases.push_back(
      {"another group is another network", other_group, 1, one_to_two, {}, Drop::no_destination});
  cases.push_back({"floods stay in the group", other_group, 1, to_all, {{3, to_all}}, {}});
  const auto nat = with(plain_config(), [](Config& config) {
    config.ports.push_back(plain_port(nat_id, PortKind::nat));
    config.groups[0].gateway_mac = mac(200);
  });
  const Bytes to_gateway = ethernet(mac(200), mac(1));
  cases.push_back({"to the gateway behind nat", nat, 1, to_gateway, {{nat_id, to_gateway}}, {}});
  return cases;
}

inline std::vector<PacketCase> multicast_cases() {
  const Bytes to_group = ethernet(group_mac(7), mac(1));
  const Bytes to_other = ethernet(group_mac(8), mac(1));
  const auto listed = with(plain_config(4), [](Config& config) {
    config.groups[0].flood_multicast = false;
    config.groups[0].multicast = {{group_mac(7), 1}, {group_mac(7), 3}};
  });
  const Bytes to_all = ethernet(MacAddress::broadcast(), mac(1));
  std::vector<PacketCase> cases{
      {"listed members only", listed, 1, to_group, {{3, to_group}}, {}},
      {"an address that nobody lists", listed, 1, to_other, {}, Drop::no_member},
      {"broadcasts reach everybody",
       listed,
       1,
       to_all,
       {{2, to_all}, {3, to_all}, {4, to_all}},
       {}},
  };
  // No spanning tree, LACP, LLDP, pause; no CDP, VTP, ISL: neither spoken nor carried.
  const MacAddress reserved[] = {{{1, 0x80, 0xc2, 0, 0, 0}},       {{1, 0x80, 0xc2, 0, 0, 1}},
                                 {{1, 0x80, 0xc2, 0, 0, 2}},       {{1, 0x80, 0xc2, 0, 0, 0x0e}},
                                 {{1, 0, 0x0c, 0xcc, 0xcc, 0xcc}}, {{1, 0, 0x0c, 0xcc, 0xcc, 0xcd}},
                                 {{1, 0, 0x0c, 0, 0, 0}}};
  for (const MacAddress& to : reserved) {
    cases.push_back({"to " + to.text() + " from a guest",
                     with_uplink(),
                     1,
                     ethernet(to, mac(1)),
                     {},
                     Drop::reserved_address});
    cases.push_back({"to " + to.text() + " from the uplink",
                     with_uplink(),
                     uplink_id,
                     ethernet(to, outsider),
                     {},
                     Drop::reserved_address});
  }
  const MacAddress beside{{1, 0x80, 0xc2, 0, 0, 0x10}};
  const Bytes usual = ethernet(beside, mac(1));
  cases.push_back({"to " + beside.text(), plain_config(), 1, usual, {{2, usual}, {3, usual}}, {}});
  return cases;
}

}  // namespace bridle::net::testing
