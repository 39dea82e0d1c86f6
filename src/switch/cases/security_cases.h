// Packet cases of port security: each attack, and that it passes when its control is off.
#pragma once

#include "switch/cases/forward_cases.h"

namespace bridle::net::testing {

inline Config secured(const Security& security, uint32_t learning = 0) {
  return with(plain_config(), [&](Config& config) {
    config.ports[0].security = security;
    config.ports[0].learning.most = learning;
  });
}

inline void send(World& world, uint32_t port, const Bytes& frame) {
  world.at(port).push(frame);
  world.settle();
  world.forget();
}

// Guest 1 sends from mac(number) first.
inline std::function<void(World&)> first_from(std::initializer_list<uint8_t> numbers) {
  return [list = std::vector<uint8_t>(numbers)](World& world) {
    for (const uint8_t number : list) send(world, 1, ethernet(mac(2), mac(number)));
  };
}

inline Config virtual_router() {
  return with(plain_config(), [](Config& config) {
    config.ports[0].macs.push_back(mac(100));
    config.ports[1].macs.push_back(mac(100));
  });
}

inline std::vector<PacketCase> source_cases() {
  const Security strict, forged{.forged_transmits = true}, changes{.mac_changes = true};
  const Bytes lie = ethernet(mac(2), mac(77)), stolen = ethernet(mac(2), mac(3));
  const auto group_allows = with(
      plain_config(), [](Config& config) { config.groups[0].security.forged_transmits = true; });
  const auto several =
      with(plain_config(), [](Config& config) { config.ports[0].macs.push_back(mac(101)); });
  const Bytes second = ethernet(mac(2), mac(101)), to_second = ethernet(mac(101), mac(2));
  return {
      {"forged source", secured(strict), 1, lie, {}, Drop::forged_source},
      {"control off: forged source", secured(forged), 1, lie, {{2, lie}}, {}},
      {"control off for the group", group_allows, 1, lie, {{2, lie}}, {}},
      {"another guest's address", secured(strict), 1, stolen, {}, Drop::forged_source},
      {"control off: another guest's address", secured(forged), 1, stolen, {{2, stolen}}, {}},
      {"... and its traffic still goes to it",
       secured(forged),
       2,
       ethernet(mac(3), mac(2)),
       {{3, ethernet(mac(3), mac(2))}},
       {},
       {},
       {},
       first_from({3})},
      {"from a group address",
       secured(forged),
       1,
       ethernet(mac(2), group_mac(1)),
       {},
       Drop::bad_source},
      {"from zero", secured(forged), 1, ethernet(mac(2), MacAddress{}), {}, Drop::bad_source},
      {"several addresses: sends", several, 1, second, {{2, second}}, {}},
      {"several addresses: receives", several, 2, to_second, {{1, to_second}}, {}},
      {"our own frame comes back by the uplink",
       with_uplink(),
       uplink_id,
       ethernet(mac(2), mac(1)),
       {},
       Drop::reflected},
      {"a zone's ring lies about our guest",
       with_rings(),
       ring_id,
       ethernet(mac(2), mac(1)),
       {},
       Drop::reflected},
      {"MAC change: sends", secured(strict), 1, lie, {}, Drop::forged_source},
      {"MAC change: does not receive",
       secured(forged),
       2,
       ethernet(mac(77), mac(2)),
       {},
       Drop::no_destination,
       {},
       {},
       first_from({77})},
      {"control off: MAC change, sends", secured(changes), 1, lie, {{2, lie}}, {}},
      {"control off: MAC change, receives",
       secured(changes),
       2,
       ethernet(mac(77), mac(2)),
       {{1, ethernet(mac(77), mac(2))}},
       {},
       {},
       {},
       first_from({77})},
      {"MAC change to another guest's address",
       secured(changes),
       1,
       stolen,
       {},
       Drop::address_of_another},
      {"a second change within a second",
       secured(changes),
       1,
       ethernet(mac(2), mac(79)),
       {},
       Drop::learning_full,
       {},
       {},
       first_from({77, 78, 79})},
  };
}

inline std::vector<PacketCase> learning_cases() {
  const Security strict, forged{.forged_transmits = true};
  const Bytes nested = ethernet(mac(2), mac(77)), to_nested = ethernet(mac(77), mac(2));
  const Bytes one_more = ethernet(mac(2), mac(80)), stolen = ethernet(mac(2), mac(3));
  const auto both =
      with(secured(strict, 2), [](Config& config) { config.ports[1].learning.most = 2; });
  const Bytes same = ethernet(mac(3), mac(77));
  return {
      {"learning inside the port: sends", secured(strict, 2), 1, nested, {{2, nested}}, {}},
      {"learning inside the port: receives",
       secured(strict, 2),
       2,
       to_nested,
       {{1, to_nested}},
       {},
       {},
       {},
       first_from({77})},
      {"off: does not receive",
       secured(forged),
       2,
       to_nested,
       {},
       Drop::no_destination,
       {},
       {},
       first_from({77})},
      {"flooding of addresses",
       secured(strict, 2),
       1,
       one_more,
       {},
       Drop::learning_full,
       {},
       {},
       first_from({77, 78})},
      {"control off: flooding of addresses",
       secured(forged),
       1,
       one_more,
       {{2, one_more}},
       {},
       {},
       {},
       first_from({77, 78})},
      {"never another port's own address",
       secured(strict, 2),
       1,
       stolen,
       {},
       Drop::address_of_another},
      {"never what another port learned",
       both,
       2,
       same,
       {},
       Drop::address_of_another,
       {},
       {},
       first_from({77})},
  };
}

inline std::vector<PacketCase> receiving_cases() {
  const Bytes one_to_two = ethernet(mac(2), mac(1)), to_router = ethernet(mac(100), mac(3));
  const auto listening = with(plain_config(), [](Config& config) {
    config.ports[2].security = Security{.promiscuous = true};
  });
  const auto two_groups = with(listening, [](Config& config) {
    config.groups.push_back(plain_group(2));
    config.ports[2].group = 2;
  });
  const auto group_listens =
      with(plain_config(), [](Config& config) { config.groups[0].security.promiscuous = true; });
  return {
      {"promiscuous listening", plain_config(), 1, one_to_two, {{2, one_to_two}}, {}},
      {"control off: promiscuous",
       listening,
       1,
       one_to_two,
       {{2, one_to_two}, {3, one_to_two}},
       {}},
      {"control off for the group",
       group_listens,
       1,
       one_to_two,
       {{2, one_to_two}, {3, one_to_two}},
       {}},
      {"promiscuous sees no other group", two_groups, 1, one_to_two, {{2, one_to_two}}, {}},
      {"a virtual router's address: the first has it",
       virtual_router(),
       3,
       to_router,
       {{1, to_router}},
       {}},
      {"... until the other claims it",
       virtual_router(),
       3,
       to_router,
       {{2, to_router}},
       {},
       {},
       {},
       [](World& world) { send(world, 2, ethernet(mac(3), mac(100))); }},
      {"... which nobody else can",
       virtual_router(),
       3,
       ethernet(mac(1), mac(100)),
       {},
       Drop::forged_source},
  };
}

inline std::vector<PacketCase> link_cases() {
  const Bytes one_to_two = ethernet(mac(2), mac(1));
  const auto down = [](size_t port) {
    return with(plain_config(), [port](Config& config) { config.ports[port].link = false; });
  };
  const auto nobody = [](size_t port) {
    return with(plain_config(), [port](Config& config) { config.ports[port].machine = {}; });
  };
  const auto stale = [](size_t old) {
    return with(plain_config(4), [old](Config& config) {
      config.ports[3].machine = config.ports[old].machine;
      config.ports[3].machine.generation = 2;
    });
  };
  return {
      {"the sender's link is down", down(0), 1, one_to_two, {}, Drop::link_down},
      {"the receiver's link is down", down(1), 1, one_to_two, {}, Drop::link_down},
      {"unknown machine sends", nobody(0), 1, one_to_two, {}, Drop::unknown_machine},
      {"unknown machine receives", nobody(1), 1, one_to_two, {}, Drop::unknown_machine},
      {"a stale generation sends", stale(0), 1, one_to_two, {}, Drop::stale_machine},
      {"a stale generation receives", stale(1), 1, one_to_two, {}, Drop::stale_machine},
      {"the newest generation takes part", stale(2), 1, one_to_two, {{2, one_to_two}}, {}},
      {"the receiver is not connected",
       plain_config(),
       1,
       one_to_two,
       {},
       Drop::output_down,
       {},
       {},
       [](World& world) { world.at(2).set_up(false); }},
      {"cut inside of the addresses", plain_config(), 1, Bytes(13), {}, Drop::short_ethernet},
      {"an IPv4 header longer than the frame",
       plain_config(),
       1,
       ethernet(mac(2), mac(1), packet::ether_type::ipv4, 20),
       {},
       Drop::bad_ipv4},
      {"an ARP packet that is cut",
       plain_config(),
       1,
       ethernet(mac(2), mac(1), packet::ether_type::arp, 30),
       {},
       Drop::bad_arp},
  };
}

}  // namespace bridle::net::testing
