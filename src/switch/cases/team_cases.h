// Packet cases of teams of uplinks, of mirrors, and of sizes.
#pragma once

#include "switch/cases/forward_cases.h"

namespace bridle::net::testing {

inline Config teamed(Teaming teaming) {
  return with(with_uplink(), [teaming](Config& config) {
    config.ports.push_back(plain_port(second_uplink_id, PortKind::uplink));
    config.groups[0].teaming = teaming;
  });
}

inline std::function<void(World&)> fails(uint32_t uplink) {
  return [uplink](World& world) {
    world.at(uplink).set_up(false);
    world.pass(std::chrono::milliseconds(10));
    world.settle();
    world.forget();
  };
}

// Two groups whose pairs of uplinks share a fate: 10 and 11 of group 1, 12 and 13 of group 2.
inline Config one_fate() {
  return with(teamed(Teaming::active_standby), [](Config& config) {
    config.groups.push_back(plain_group(2));
    config.ports[1].group = 2;
    config.ports.push_back(plain_port(12, PortKind::uplink, 2));
    config.ports.push_back(plain_port(13, PortKind::uplink, 2));
    for (Group& group : config.groups) group.fate = 7;
  });
}

inline std::vector<PacketCase> team_cases() {
  const Bytes out = ethernet(outsider, mac(1)), out_two = ethernet(outsider, mac(2));
  const Bytes all_in = ethernet(MacAddress::broadcast(), outsider);
  const Bytes in = ethernet(mac(1), outsider), all_out = ethernet(MacAddress::broadcast(), mac(1));
  const Config standby = teamed(Teaming::active_standby), by_port = teamed(Teaming::by_port);
  const auto no_fate = with(one_fate(), [](Config& config) {
    for (Group& group : config.groups) group.fate = 0;
  });
  return {
      {"active", standby, 1, out, {{10, out}}, {}},
      {"standby takes over", standby, 1, out, {{11, out}}, {}, {}, {}, fails(10)},
      {"no uplink is up",
       standby,
       1,
       out,
       {},
       Drop::output_down,
       {},
       {},
       [](World& world) { fails(10)(world), fails(11)(world); }},
      {"a flood leaves once", standby, 1, all_out, {{2, all_out}, {3, all_out}, {10, all_out}}, {}},
      {"a flood comes in once: active",
       standby,
       10,
       all_in,
       {{1, all_in}, {2, all_in}, {3, all_in}},
       {}},
      {"a flood comes in once: standby", standby, 11, all_in, {}, Drop::standby_uplink},
      {"for one guest the standby brings, too", standby, 11, in, {{1, in}}, {}},
      {"by port: odd", by_port, 1, out, {{11, out}}, {}},
      {"by port: even", by_port, 2, out_two, {{10, out_two}}, {}},
      {"by port: the other takes over", by_port, 1, out, {{10, out}}, {}, {}, {}, fails(11)},
      {"by port: who is elsewhere stays there",
       by_port,
       2,
       out_two,
       {{10, out_two}},
       {},
       {},
       {},
       fails(11)},
      {"by port: floods in by the receiver's own uplink", by_port, 10, all_in, {{2, all_in}}, {}},
      {"by hash: an aggregate brings a flood once",
       teamed(Teaming::by_hash),
       11,
       all_in,
       {{1, all_in}, {2, all_in}, {3, all_in}},
       {}},
      {"what came by one uplink leaves by none",
       standby,
       10,
       ethernet(mac(77), outsider),
       {},
       Drop::uplink_to_uplink},
      {"one fate: the other group moves, too",
       one_fate(),
       2,
       out_two,
       {{13, out_two}},
       {},
       {},
       {},
       fails(10)},
      {"no fate: it does not", no_fate, 2, out_two, {{12, out_two}}, {}, {}, {}, fails(10)},
  };
}

inline Config mirrored(const Mirror& mirror) {
  return with(plain_config(), [&mirror](Config& config) {
    config.ports.push_back(plain_port(40, PortKind::mirror));
    config.mirrors = {mirror};
    config.mirrors[0].id = 1;
    if (mirror.to == 0) config.mirrors[0].to = 40;
  });
}

inline std::vector<PacketCase> mirror_cases() {
  const Bytes one_to_two = ethernet(mac(2), mac(1)), two_to_one = ethernet(mac(1), mac(2));
  const Bytes lie = ethernet(mac(2), mac(77));
  const Bytes cut(one_to_two.begin(), one_to_two.begin() + 20);
  const Config one = mirrored({.ports = {1}}), group = mirrored({.groups = {1}});
  return {
      {"what a port sends", one, 1, one_to_two, {{2, one_to_two}, {40, one_to_two}}, {}},
      {"what a port receives", one, 2, two_to_one, {{1, two_to_one}, {40, two_to_one}}, {}},
      {"not what passes by", one, 3, ethernet(mac(2), mac(3)), {{2, ethernet(mac(2), mac(3))}}, {}},
      {"also what is dropped then", one, 1, lie, {{40, lie}}, Drop::forged_source},
      {"a group: sent and received",
       group,
       1,
       one_to_two,
       {{2, one_to_two}, {40, one_to_two}, {40, one_to_two}},
       {}},
      {"to a guest",
       mirrored({.ports = {1}, .to = 3}),
       1,
       one_to_two,
       {{2, one_to_two}, {3, one_to_two}},
       {}},
      {"the first bytes only",
       mirrored({.ports = {1}, .snap = 20}),
       1,
       one_to_two,
       {{2, one_to_two}, {40, cut}},
       {}},
      {"nothing comes from a mirror", one, 40, one_to_two, {}, Drop::into_mirror},
  };
}

inline std::vector<PacketCase> size_cases() {
  const auto jumbo = with(plain_config(), [](Config& config) { config.groups[0].mtu = 9000; });
  const auto sized = [](size_t payload) {
    return ethernet(mac(2), mac(1), experimental, payload + 14);
  };
  return {
      {"as large as the MTU", plain_config(), 1, sized(1500), {{2, sized(1500)}}, {}},
      {"a byte larger", plain_config(), 1, sized(1501), {}, Drop::too_big},
      {"jumbo", jumbo, 1, sized(9000), {{2, sized(9000)}}, {}, {}, all_abilities},
      {"larger than jumbo", jumbo, 1, sized(9001), {}, Drop::too_big, {}, all_abilities},
      {"an output that takes no jumbo frames", jumbo, 1, sized(9000), {}, Drop::cannot_segment},
  };
}

}  // namespace bridle::net::testing
