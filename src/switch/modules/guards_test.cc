// Attacks of a guest on the others, each with its control and without: with it the frame ends with
// its reason and nobody sees it; without it the victim gets it, so that the test would see the
// control missing.
#include <gtest/gtest.h>

#include "packet/arp.h"
#include "packet/builder.h"
#include "packet/bytes.h"
#include "packet/dhcp.h"
#include "packet/nd.h"
#include "switch/testing/packet_case.h"

namespace bridle::net::testing {
namespace {

using packet::build;
using packet::Builder;
using packet::link_local;

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }
IpAddress slaac(uint8_t guest) { return packet::eui64(address("fd00::"), mac(guest)); }

// Guests 1, 2, 3 in a network with both families, all guards on.
Config guarded() {
  return with(plain_config(), [](Config& config) {
    Group& group = config.groups[0];
    group.guard_sources = group.guard_dhcp = group.guard_ra = group.answer_arp = true;
    group.prefixes = {IpPrefix::parse("10.9.0.0/24").value(), IpPrefix::parse("fd00::/64").value()};
  });
}

struct Attack {
  const char* what;
  Bytes frame;           // from guest 1
  bool Group::*control;  // without it the frame goes through
  Drop drop;
};

Bytes arp(const packet::ArpFields& fields, MacAddress to = mac(2)) {
  return build([&](Builder& b) { b.ethernet(to, mac(1)).arp(fields); });
}

Bytes from4(const IpAddress& from) {
  return build([&](Builder& b) { b.ethernet(mac(2), mac(1)).ipv4(from, ip(2)).udp(5, 6); });
}

Bytes from6(const IpAddress& from) {
  return build([&](Builder& b) { b.ethernet(mac(2), mac(1)).ipv6(from, slaac(2)).tcp(5, 6); });
}

Bytes nd(uint8_t type, const std::function<void(Builder&)>& between, size_t body = 20) {
  return build([&](Builder& b) {
    b.ethernet(mac(2), mac(1)).ipv6(link_local(mac(1)), slaac(2), {.hop_limit = 255});
    if (between) between(b);
    b.icmp(type, 0).payload(body, 0);
  });
}

// "target is at link", from guest 1, with the override flag.
Bytes advertisement(const IpAddress& target, MacAddress link) {
  Bytes frame(200);
  frame.resize(packet::build_advertisement(frame, {mac(2), mac(1), slaac(2), link_local(mac(1))},
                                           {target, link, false, true, true}));
  return frame;
}

Bytes router_advertisement() {
  packet::RouterAdvertisement what;
  what.link = mac(1);
  what.prefix = IpPrefix::parse("fd66::/64").value();
  Bytes frame(300);
  frame.resize(packet::build_router_advertisement(
      frame,
      {packet::multicast_mac(packet::all_nodes()), mac(1), packet::all_nodes(), link_local(mac(1))},
      what));
  return frame;
}

Bytes dhcp_offer(uint16_t from, uint16_t to) {
  Bytes message(548);
  packet::DhcpMessage question;
  question.hardware = mac(2);
  packet::DhcpAnswer offer;
  offer.server = ip(1);
  offer.yours = ip(66);
  offer.router = ip(1);
  message.resize(packet::build_dhcp(message, question, offer));
  return build([&](Builder& b) {
    b.ethernet(mac(2), mac(1)).ipv4(ip(1), ip(2)).udp(from, to).payload(message);
  });
}

Bytes dhcp6(uint16_t from, uint16_t to) {
  return build([&](Builder& b) {
    b.ethernet(mac(2), mac(1)).ipv6(link_local(mac(1)), slaac(2)).udp(from, to).payload(8, 2);
  });
}

std::vector<Attack> attacks() {
  constexpr auto sources = &Group::guard_sources, dhcp = &Group::guard_dhcp, ra = &Group::guard_ra;
  const Bytes six(6, 0), fourteen(14, 0);
  const auto options = [=](Builder& b) { b.extension(60, six).extension(60, fourteen); };
  const auto atomic = [](Builder& b) { b.fragment(0, 9); };
  const auto first = [](Builder& b) { b.fragment(1, 9); };
  const auto both = [=](Builder& b) { b.fragment(1, 9).extension(60, six); };
  return {
      {"ARP reply: the address of guest 3", arp({2, mac(1), ip(3), mac(2), ip(2)}), sources,
       Drop::spoofed_arp},
      {"ARP reply: the MAC of guest 3", arp({2, mac(3), ip(1), mac(2), ip(2)}), sources,
       Drop::spoofed_arp},
      {"ARP request that announces guest 3's",
       arp({1, mac(1), ip(3), {}, ip(3)}, MacAddress::broadcast()), sources, Drop::spoofed_arp},
      {"ARP for an address of nobody", arp({2, mac(1), ip(99), mac(2), ip(2)}), sources,
       Drop::spoofed_arp},
      {"IPv4 of guest 3", from4(ip(3)), sources, Drop::spoofed_ipv4},
      {"IPv4 of nobody", from4(address("192.0.2.1")), sources, Drop::spoofed_ipv4},
      {"IPv4 zero to a port that is not DHCP's", from4(address("0.0.0.0")), sources,
       Drop::spoofed_ipv4},
      {"IPv6 of guest 3", from6(slaac(3)), sources, Drop::spoofed_ipv6},
      {"link-local of guest 3", from6(link_local(mac(3))), sources, Drop::spoofed_ipv6},
      {"a temporary IPv6 address", from6(address("fd00::1234")), sources, Drop::spoofed_ipv6},
      {"IPv6 zero with TCP", from6({}), sources, Drop::spoofed_ipv6},
      {"advertisement: the address of guest 3", advertisement(slaac(3), mac(1)), sources,
       Drop::spoofed_nd},
      {"advertisement: the MAC of guest 3", advertisement(slaac(1), mac(3)), sources,
       Drop::spoofed_nd},
      {"a rogue DHCP server", dhcp_offer(67, 68), dhcp, Drop::rogue_dhcp},
      {"one from another port", dhcp_offer(6767, 68), dhcp, Drop::rogue_dhcp},
      {"one to another port", dhcp_offer(67, 6868), dhcp, Drop::rogue_dhcp},
      {"a rogue DHCPv6 server", dhcp6(547, 546), dhcp, Drop::rogue_dhcp},
      {"one from another port", dhcp6(5470, 546), dhcp, Drop::rogue_dhcp},
      {"a rogue router", router_advertisement(), ra, Drop::rogue_ra},
      {"a redirect", nd(137, {}, 36), ra, Drop::rogue_ra},
      {"a router behind extension headers", nd(134, options, 12), ra, Drop::rogue_ra},
      {"a router in an atomic fragment", nd(134, atomic, 12), ra, Drop::hidden_headers},
      {"a router in a first fragment", nd(134, first, 12), ra, Drop::hidden_headers},
      {"a router behind both", nd(134, both, 12), ra, Drop::hidden_headers},
  };
}

struct Seen {
  size_t outputs = 0;
  uint64_t drops = 0;
  bool booked = false;
};

Seen sent_into(Config config, const Bytes& frame, Drop drop) {
  World world(std::move(config));
  world.at(1).push(frame);
  world.settle();
  Seen seen;
  for (const auto& [port, driver] : world.drivers()) seen.outputs += driver->sent().size();
  seen.drops = world.drops(1, drop);
  seen.booked = world.sw.check_conservation().ok();
  return seen;
}

TEST(Guards, EndAttacksWithAReason) {
  for (const Attack& it : attacks()) {
    SCOPED_TRACE(it.what);
    const Seen seen = sent_into(guarded(), it.frame, it.drop);
    EXPECT_EQ(seen.outputs, 0U);
    EXPECT_EQ(seen.drops, 1U) << name(it.drop);
    EXPECT_TRUE(seen.booked);
  }
}

TEST(Guards, AreWhatEndsThem) {
  for (const Attack& it : attacks()) {
    SCOPED_TRACE(it.what);
    // A fragment is hidden to either guard.
    const bool either = it.drop == Drop::hidden_headers;
    const Config config = with(guarded(), [&](Config& c) {
      c.groups[0].*it.control = false;
      if (either) c.groups[0].guard_sources = false;
    });
    const Seen seen = sent_into(config, it.frame, it.drop);
    EXPECT_GE(seen.outputs, 1U);
    EXPECT_EQ(seen.drops, 0U);
  }
}

// A guest that tags for itself is judged behind its tags.
TEST(Guards, LookBehindTags) {
  const Config config = with(guarded(), [](Config& c) {
    for (Port& port : c.ports) port.vlan = Vlan{VlanMode::guest, 0, {}, 0};
  });
  const Bytes spoofed = arp({2, mac(1), ip(3), mac(2), ip(2)});
  const Bytes honest = arp({2, mac(1), ip(1), mac(2), ip(2)});
  for (const Bytes& tags : {tagged(spoofed, 7), tagged(tagged(spoofed, 7), 8, 0x88a8)}) {
    const Seen seen = sent_into(config, tags, Drop::spoofed_arp);
    EXPECT_EQ(seen.outputs, 0U);
    EXPECT_EQ(seen.drops, 1U);
  }
  EXPECT_EQ(sent_into(config, tagged(tagged(honest, 7), 8, 0x88a8), Drop::spoofed_arp).outputs, 1U);
  // On an access port no tag passes at all.
  EXPECT_EQ(sent_into(guarded(), tagged(tagged(spoofed, 7), 8), Drop::vlan_double_tag).outputs, 0U);
}

// An IPv6 header with the IPv4 address of somebody, or of the guest itself, in it.
TEST(Guards, MappedAddressesPassNowhere) {
  for (const uint8_t guest : {1, 3})
    EXPECT_EQ(sent_into(guarded(), from6(ip(guest)), Drop::bad_ipv6).drops, 1U);
}

TEST(Guards, NeighbourDiscoveryThatHostsIgnore) {
  Bytes frame = advertisement(slaac(1), mac(1));
  frame[21] = 64;  // has passed a router, or pretends to
  EXPECT_EQ(sent_into(guarded(), frame, Drop::bad_nd).drops, 1U);
  const Bytes two = build([](Builder& b) {
    const Bytes body{0x60, 0, 0, 0};
    const Bytes own{2, 1, 0x52, 0x54, 0, 0, 0, 1}, other{2, 1, 0x52, 0x54, 0, 0, 0, 3};
    b.ethernet(mac(2), mac(1)).ipv6(link_local(mac(1)), slaac(2), {.hop_limit = 255}).icmp(136, 0);
    b.payload(body).payload(slaac(1).bytes).payload(own).payload(other);
  });
  EXPECT_EQ(sent_into(guarded(), two, Drop::bad_nd).drops, 1U);
}

TEST(Guards, LetPassWhatIsOwn) {
  const IpAddress zero = address("0.0.0.0");
  const auto early = [](const Bytes& hop, uint8_t type) {
    return build([&](Builder& b) {
      b.ethernet(packet::multicast_mac(address("ff02::16")), mac(1));
      b.ipv6({}, address("ff02::16"), {.hop_limit = 1}).extension(0, hop).icmp(type, 0);
      b.payload(20, 0);
    });
  };
  struct Case {
    const char* what;
    Bytes frame;
  };
  for (const Case& it : {
           Case{"IPv4", from4(ip(1))},
           {"IPv6 made of the MAC", from6(slaac(1))},
           {"link-local", from6(link_local(mac(1)))},
           {"ARP reply", arp({2, mac(1), ip(1), mac(2), ip(2)})},
           {"announcement", arp({1, mac(1), ip(1), {}, ip(1)}, MacAddress::broadcast())},
           {"advertisement", advertisement(slaac(1), mac(1))},
           {"unregistered protocol", ethernet(mac(2), mac(1))},
           {"DHCP question", build([&](Builder& b) {
              b.ethernet(MacAddress::broadcast(), mac(1)).ipv4(zero, address("255.255.255.255"));
              b.udp(68, 67).payload(10, 0);
            })},
           {"IGMP before an address", build([&](Builder& b) {
              b.ethernet(group_mac(22), mac(1)).ipv4(zero, address("224.0.0.22")).protocol(2);
              b.payload(8, 0);
            })},
           {"MLD before an address", early(Bytes{5, 2, 0, 0, 1, 0}, 143)},
           {"a later fragment of what is own", build([&](Builder& b) {
              b.ethernet(mac(2), mac(1)).ipv6(slaac(1), slaac(2)).fragment(0x0100, 3);
              b.protocol(58).payload(16, 0);
            })},
       }) {
    SCOPED_TRACE(it.what);
    EXPECT_GE(sent_into(guarded(), it.frame, Drop::spoofed_ipv4).outputs, 1U);
  }
}

TEST(Guards, AddressesOfAPortAreItsOwn) {
  const Config config = with(guarded(), [](Config& c) {
    c.ports[0].addresses = {ip(50), address("fd00::50")};
  });
  EXPECT_EQ(sent_into(config, from4(ip(50)), Drop::spoofed_ipv4).outputs, 1U);
  EXPECT_EQ(sent_into(config, from6(address("fd00::50")), Drop::spoofed_ipv6).outputs, 1U);
  EXPECT_EQ(sent_into(config, arp({2, mac(1), ip(50), mac(2), ip(2)}), Drop::spoofed_arp).outputs,
            1U);
  EXPECT_EQ(sent_into(guarded(), from4(ip(50)), Drop::spoofed_ipv4).outputs, 0U);
}

// VRRP: two guests may have one address, with a MAC of its own or each with theirs; both announce
// it.
TEST(Guards, SharedAddressIsAnnouncedByWhoMayHaveIt) {
  constexpr MacAddress virtual_mac{{0, 0, 0x5e, 0, 1, 51}};
  const Config own_macs =
      with(guarded(), [](Config& c) { c.ports[0].addresses = c.ports[1].addresses = {ip(100)}; });
  const Config virtual_macs = with(own_macs, [&](Config& c) {
    c.ports[0].macs.push_back(virtual_mac);
    c.ports[1].macs.push_back(virtual_mac);
  });
  const Bytes plain = arp({1, mac(1), ip(100), {}, ip(100)}, MacAddress::broadcast());
  EXPECT_EQ(sent_into(own_macs, plain, Drop::spoofed_arp).outputs, 2U);
  const Bytes with_virtual = build([&](Builder& b) {
    b.ethernet(MacAddress::broadcast(), virtual_mac).arp({2, virtual_mac, ip(100), {}, ip(100)});
  });
  EXPECT_EQ(sent_into(virtual_macs, with_virtual, Drop::spoofed_arp).outputs, 2U);
  EXPECT_EQ(sent_into(guarded(), plain, Drop::spoofed_arp).outputs, 0U);
  // Nobody answers for it but who has it: the question reaches the others.
  const Bytes question = arp({1, mac(1), ip(1), {}, ip(100)}, MacAddress::broadcast());
  const Config third =
      with(own_macs, [](Config& c) { std::swap(c.ports[0].addresses, c.ports[2].addresses); });
  EXPECT_EQ(sent_into(third, question, Drop::spoofed_arp).outputs, 2U);
}

TEST(Guards, NobodyOutsideClaimsARegisteredAddress) {
  const MacAddress outsider{{2, 0, 0, 0, 0, 9}};
  const Config config =
      with(guarded(), [](Config& c) { c.ports.push_back(plain_port(10, PortKind::uplink)); });
  const auto claim = [&](const IpAddress& what) {
    return build([&](Builder& b) {
      b.ethernet(mac(2), outsider).arp({2, outsider, what, mac(2), ip(2)});
    });
  };
  Bytes six(200);
  six.resize(packet::build_advertisement(six, {mac(2), outsider, slaac(2), link_local(outsider)},
                                         {slaac(1), outsider}));
  World world(config);
  world.at(10).push(claim(ip(1)));
  world.at(10).push(six);
  world.settle();
  EXPECT_EQ(world.at(2).sent().size(), 0U);
  EXPECT_EQ(world.drops(10, Drop::spoofed_arp), 1U);
  EXPECT_EQ(world.drops(10, Drop::spoofed_nd), 1U);
  world.at(10).push(claim(ip(77)));  // his own, as far as anybody knows
  world.settle();
  EXPECT_EQ(world.at(2).sent().size(), 1U);
}

}  // namespace
}  // namespace bridle::net::testing
