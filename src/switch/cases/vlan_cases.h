// Packet cases of VLANs: access, trunk, native, guest tagging, filters, and hopping.
#pragma once

#include "switch/cases/forward_cases.h"

namespace bridle::net::testing {

// Guests 1 and 2 in VLAN 5, guest 3 in VLAN 6, guest 4 a trunk of both, guests 5 and 6 tag as they
// like, uplink 10 a trunk of every group.
inline Config vlans() {
  return with(plain_config(6), [](Config& config) {
    config.groups.push_back(plain_group(2));
    config.groups.push_back(plain_group(3));
    config.groups[0].vlan.id = 5;
    config.groups[1].vlan.id = 6;
    config.groups[2].vlan.mode = VlanMode::guest;
    config.ports[2].group = 2;
    config.ports[3].vlan = Vlan{VlanMode::trunk, 0, {5, 6}, 0};
    config.ports[4].group = config.ports[5].group = 3;
    config.ports.push_back(plain_port(uplink_id, PortKind::uplink, 0));
  });
}

inline Config native_vlans() {
  return with(vlans(), [](Config& config) {
    config.ports[3].vlan->native = 6;
    config.ports[6].vlan = Vlan{VlanMode::trunk, 0, {6}, 5};
  });
}

// An uplink that is one group's.
inline Config own_uplink(uint16_t id) {
  return with(with_uplink(), [id](Config& config) { config.groups[0].vlan.id = id; });
}

inline std::vector<PacketCase> vlan_cases() {
  const Bytes one_to_two = ethernet(mac(2), mac(1)),
              to_all = ethernet(MacAddress::broadcast(), mac(1));
  const Bytes out = ethernet(outsider, mac(1)), in = ethernet(mac(1), outsider);
  const Bytes from_four = ethernet(mac(2), mac(4)), to_four = ethernet(mac(4), mac(1));
  const Bytes four_to_three = ethernet(mac(3), mac(4)), five_to_six = ethernet(mac(6), mac(5));
  const Bytes hopping = tagged(tagged(one_to_two, 6), 5);
  const Bytes own_tags = tagged(tagged(five_to_six, 6), 5);
  return {
      {"access to access: no tag", vlans(), 1, one_to_two, {{2, one_to_two}}, {}},
      {"access to uplink: tag inserted", vlans(), 1, out, {{uplink_id, tagged(out, 5)}}, {}},
      {"uplink to access: tag stripped", vlans(), uplink_id, tagged(in, 5), {{1, in}}, {}},
      {"another VLAN is another network",
       vlans(),
       1,
       ethernet(mac(3), mac(1)),
       {{uplink_id, tagged(ethernet(mac(3), mac(1)), 5)}},
       {}},
      {"uplink, the wrong tag for the address",
       vlans(),
       uplink_id,
       tagged(in, 6),
       {},
       Drop::uplink_to_uplink},
      {"uplink, a tag that nobody has",
       vlans(),
       uplink_id,
       tagged(in, 7),
       {},
       Drop::vlan_not_allowed},
      {"uplink, no tag", vlans(), uplink_id, in, {}, Drop::vlan_untagged},
      {"uplink, a provider's tag",
       vlans(),
       uplink_id,
       tagged(in, 5, packet::ether_type::provider),
       {},
       Drop::vlan_not_allowed},
      {"a guest's tag on an access port", vlans(), 1, tagged(one_to_two, 6), {}, Drop::vlan_tagged},
      {"even its own", vlans(), 1, tagged(one_to_two, 5), {}, Drop::vlan_tagged},
      {"a priority tag is taken off",
       vlans(),
       1,
       tagged(one_to_two, 0xe000),
       {{2, one_to_two}},
       {}},
      {"flood: with the tag where tags are",
       vlans(),
       1,
       to_all,
       {{2, to_all}, {4, tagged(to_all, 5)}, {uplink_id, tagged(to_all, 5)}},
       {}},
      {"trunk to access", vlans(), 4, tagged(from_four, 5), {{2, from_four}}, {}},
      {"trunk to access of the other VLAN",
       vlans(),
       4,
       tagged(four_to_three, 6),
       {{3, four_to_three}},
       {}},
      {"access to trunk", vlans(), 1, to_four, {{4, tagged(to_four, 5)}}, {}},
      {"trunk, a tag that it does not carry",
       vlans(),
       4,
       tagged(from_four, 7),
       {},
       Drop::vlan_not_allowed},
      {"trunk, no tag and no native VLAN", vlans(), 4, from_four, {}, Drop::vlan_untagged},
      {"trunk, no tag: native", native_vlans(), 4, four_to_three, {{3, four_to_three}}, {}},
      {"to a trunk, native: no tag",
       native_vlans(),
       3,
       ethernet(mac(4), mac(3)),
       {{4, ethernet(mac(4), mac(3))}},
       {}},
      {"uplink, native: no tag", native_vlans(), 1, out, {{uplink_id, out}}, {}},
      {"guest tagging: tags are payload",
       vlans(),
       5,
       tagged(five_to_six, 5),
       {{6, tagged(five_to_six, 5)}},
       {}},
      {"guest tagging: no tag is fine, too", vlans(), 5, five_to_six, {{6, five_to_six}}, {}},
      {"guest tagging leaves by no trunk of the switch",
       vlans(),
       5,
       tagged(ethernet(outsider, mac(5)), 6),
       {},
       Drop::no_destination},
      {"hopping by two tags, access port", vlans(), 1, hopping, {}, Drop::vlan_double_tag},
      {"hopping by two tags, native trunk",
       native_vlans(),
       4,
       tagged(tagged(from_four, 6), 5),
       {},
       Drop::vlan_double_tag},
      {"hopping by two tags, from the network",
       native_vlans(),
       uplink_id,
       tagged(tagged(in, 6), 5),
       {},
       Drop::vlan_double_tag},
      {"control off: two tags pass where the guest tags",
       vlans(),
       5,
       own_tags,
       {{6, own_tags}},
       {}},
      {"a group's own uplink, tagged", own_uplink(5), 1, out, {{uplink_id, tagged(out, 5)}}, {}},
      {"a group's own uplink, another tag",
       own_uplink(5),
       uplink_id,
       tagged(in, 6),
       {},
       Drop::vlan_not_allowed},
      {"a group's own uplink, its tag", own_uplink(5), uplink_id, tagged(in, 5), {{1, in}}, {}},
      {"a group's own uplink, tag missing", own_uplink(5), uplink_id, in, {}, Drop::vlan_untagged},
      {"an untagged uplink refuses tags",
       own_uplink(0),
       uplink_id,
       tagged(in, 5),
       {},
       Drop::vlan_tagged},
  };
}

}  // namespace bridle::net::testing
