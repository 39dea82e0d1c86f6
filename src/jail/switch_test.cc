// Unit tests of what the jail knows of switches: orders, records, rules. No root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/layout.h"
#include "jail/client.h"
#include "jail/nat_rules.h"
#include "jail/record.h"
#include "jail/switch_record.h"
#include "jail/validate.h"

namespace bridle::jail {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PortOrder order_of(PortKind kind) {
  PortOrder order{};
  order.kind = kind;
  return order;
}

PortOrder nat_order() {
  PortOrder order = order_of(PortKind::nat);
  order.nat_flags = nat_outside;
  order.prefix4 = 24;
  const uint8_t mac[] = {0x52, 0x54, 0, 0, 0, 1}, gateway[] = {10, 9, 0, 1};
  std::memcpy(order.mac, mac, sizeof mac);
  std::memcpy(order.gateway4, gateway, sizeof gateway);
  const uint8_t resolver[] = {0xff, 0xff, 203, 0, 113, 1};
  std::memcpy(order.resolver + 10, resolver, sizeof resolver);
  return order;
}

NatForward forward_of(uint8_t protocol, uint16_t host_port) {
  return {protocol, 4, host_port, 22, {10, 9, 0, 5}};
}

bool accepts(const PortOrder& order) { return make_port_open(1, 1, 7, order).ok(); }

TEST(PortOrder, AcceptsEachKindAsItIsMeant) {
  PortOrder datagram = order_of(PortKind::datagram);
  datagram.guest[0] = 1;
  datagram.boot = 3;
  PortOrder packet = order_of(PortKind::af_packet);
  packet.device = 2;
  PortOrder xdp = order_of(PortKind::af_xdp);
  xdp.device = 2;
  xdp.queue = 5;
  PortOrder ring = order_of(PortKind::ring);
  ring.bytes = 8192;
  ring.peer_zone = 2;
  ring.peer_port = 1;
  for (const PortOrder& order : {datagram, order_of(PortKind::tap), packet, xdp, ring, nat_order()})
    EXPECT_TRUE(accepts(order)) << static_cast<int>(order.kind);
}

TEST(PortOrder, RefusesEachBrokenRule) {
  const auto refused = [](PortOrder order, void (*spoil)(PortOrder&)) {
    EXPECT_TRUE(accepts(order));
    spoil(order);
    return !accepts(order);
  };
  const PortOrder tap = order_of(PortKind::tap);
  EXPECT_TRUE(refused(tap, [](PortOrder& o) { o.kind = PortKind::none; }));
  EXPECT_TRUE(refused(tap, [](PortOrder& o) { o.kind = static_cast<PortKind>(7); }));
  EXPECT_TRUE(refused(tap, [](PortOrder& o) { o.device = 1; }));
  EXPECT_TRUE(refused(tap, [](PortOrder& o) { o.reserved[19] = 1; }));
  EXPECT_TRUE(refused(tap, [](PortOrder& o) { o.mtu = 100; }));
  EXPECT_TRUE(refused(tap, [](PortOrder& o) { o.bridge = 1u << 31; }));
  const PortOrder nat = nat_order();
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.prefix4 = 31; }));
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.nat_flags = 4; }));
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.gateway4[0] = 127; }));
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.gateway4[0] = 224; }));
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.mac[0] |= 1; }));
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.prefix6 = 64; }));
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.gateway6[0] = 0xfd; }));
  EXPECT_TRUE(refused(nat, [](PortOrder& o) { o.resolver[0] = 0xfe; }));
  EXPECT_FALSE(validate_port(0, 1, tap).ok());
  EXPECT_FALSE(validate_port(Layout::max_zone + 1, 1, tap).ok());
  EXPECT_FALSE(validate_port(1, 0, tap).ok());
  PortOrder ring = order_of(PortKind::ring);
  ring.bytes = 4096;
  ring.peer_port = ring.peer_zone = 1;
  EXPECT_FALSE(validate_port(1, 1, ring).ok()) << "to its own zone";
  EXPECT_TRUE(validate_port(2, 1, ring).ok());
  ring.bytes = 5000;
  EXPECT_FALSE(validate_port(2, 1, ring).ok());
}

TEST(Forwards, RefuseWhatCannotBeMeant) {
  const auto accepted = [](std::vector<NatForward> forwards) {
    return make_nat_forwards(1, 1, 7, forwards).ok();
  };
  EXPECT_TRUE(accepted({}));
  EXPECT_TRUE(accepted({forward_of(6, 2222), forward_of(17, 2222), forward_of(6, 2223)}));
  EXPECT_FALSE(accepted({forward_of(6, 2222), forward_of(6, 2222)}));
  EXPECT_FALSE(accepted({forward_of(1, 2222)}));
  EXPECT_FALSE(accepted({forward_of(6, 0)}));
  NatForward longer = forward_of(6, 1);
  longer.guest[7] = 1;
  EXPECT_FALSE(accepted({longer}));
  EXPECT_FALSE(accepted(std::vector<NatForward>(max_forwards + 1, forward_of(6, 1))));
  Request hidden = *make_nat_forwards(1, 1, 7, {});
  hidden.body[0] = 6;
  EXPECT_FALSE(validate(hidden, 0).ok()) << "more than it announces";
}

TEST(Start, NeedsAZoneForVhostUser) {
  StartOrder order;
  order.machine = {*Uuid::parse("00112233-4455-4677-8899-aabbccddeeff"), 1};
  order.slot = 1;
  order.interfaces = 2;
  EXPECT_TRUE(make_start(1, order).ok());
  order.attachments = {GuestAttachment::datagram, GuestAttachment::vhost_user};
  EXPECT_FALSE(make_start(1, order).ok());
  order.zone = 5;
  EXPECT_TRUE(make_start(1, order).ok());
  order.interfaces = 1;
  EXPECT_FALSE(make_start(1, order).ok());
  order.interfaces = 2;
  order.zone = Layout::max_zone + 1;
  EXPECT_FALSE(make_start(1, order).ok());
}

TEST(GuestRecord, OfVersionOneIsStillRead) {
  // 88 bytes, as written before there were switches.
  const unsigned char old[] = {
      0x42, 0x47, 0x52, 0x31, 0x01, 0x00, 0x00, 0x00, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x46,
      0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
      0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0xcd, 0xef, 0x4f, 0x1c};
  const auto record = decode_record({reinterpret_cast<const char*>(old), sizeof old});
  ASSERT_TRUE(record.ok()) << record.error().message();
  EXPECT_EQ(record->slot, 7u);
  EXPECT_EQ(record->qemu, (ProcessId{5, 3}));
  EXPECT_EQ(record->zone, 0u);
  EXPECT_EQ(record->interface_count, 0);
}

template <typename Decode>
void expect_guarded(const std::string& bytes, const Decode& decode) {
  EXPECT_TRUE(decode(bytes).ok());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string spoilt = bytes;
    spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode(spoilt).ok()) << bit;
  }
  EXPECT_FALSE(decode(bytes.substr(1)).ok());
  std::string newer = bytes + "more";
  newer[4] = 9;
  EXPECT_EQ(decode(newer).error().code(), Code::refused);
}

TEST(SwitchRecord, SurvivesAndDetectsEveryFlippedBit) {
  SwitchRecord record;
  record.zone = 12;
  record.limits.memory_limit = 1 << 30;
  record.process = {77, 123456};
  const std::string bytes = encode(record);
  const auto again = decode_switch_record(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->zone, 12u);
  EXPECT_EQ(again->process, record.process);
  EXPECT_EQ(again->limits.memory_limit, record.limits.memory_limit);
  expect_guarded(bytes, [](const std::string& b) { return decode_switch_record(b); });
}

TEST(PortState, SurvivesAndDetectsEveryFlippedBit) {
  PortState state;
  state.zone = 3;
  state.port = 9;
  state.order = nat_order();
  state.link = 0x40;
  state.forwards = {forward_of(6, 2222)};
  state.given[0] = {5, 6};
  const std::string bytes = encode(state);
  const auto again = decode_port_state(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(std::memcmp(&again->order, &state.order, sizeof state.order), 0);
  EXPECT_EQ(again->given, state.given);
  EXPECT_EQ(again->forwards.size(), 1u);
  EXPECT_EQ(again->link, 0x40u);
  expect_guarded(bytes, [](const std::string& b) { return decode_port_state(b); });
}

TEST(PortState, BreaksNoRuleThatARequestMustKeep) {
  PortState state;
  state.zone = 3;
  state.port = 9;
  state.order = nat_order();
  state.order.prefix4 = 31;
  EXPECT_EQ(decode_port_state(encode(state)).error().code(), Code::invalid);
}

TEST(NatRules, LinksKeepOutOfSpecialAddresses) {
  EXPECT_TRUE(is_link_number(first_link));
  EXPECT_TRUE(is_link_number(last_link));
  EXPECT_FALSE(is_link_number(first_link - 1));
  EXPECT_FALSE(is_link_number(last_link + 1));
  for (uint32_t number = first_link; number <= last_link; ++number) {
    const LinkAddresses link = link_addresses(number, 1);
    EXPECT_TRUE(!is_link_number(number) || (link.host4[2] != 169 && link.host4[2] != 170));
    EXPECT_EQ(link.space4[3], link.host4[3] + 1);
    EXPECT_TRUE(link.host4[2] != 0 && link.host4[2] != 255);
  }
}

TEST(NatRules, OfTheHostTouchOnlyItsOwnLinks) {
  NatNetwork network{nat_order(), 0x40, false, {forward_of(6, 2222)}};
  const std::string rules = host_rules("bridle-00000001", std::span(&network, 1), 1);
  EXPECT_THAT(rules, HasSubstr("delete table inet bridle-00000001"));
  EXPECT_THAT(rules, HasSubstr("set links { type ifname; elements = { \"brl-0040\" }; }"));
  EXPECT_THAT(rules, HasSubstr("tcp dport 2222 dnat ip to 169.254.1.2"));
  EXPECT_THAT(rules, HasSubstr("ip saddr 169.254.1.2 oifname != @links masquerade"));
  EXPECT_THAT(rules, HasSubstr("dnat ip to 203.0.113.1"));
  EXPECT_THAT(rules, HasSubstr("set host_open { type ifname; }"));
  EXPECT_THAT(rules, Not(HasSubstr("ip6 saddr")));
  EXPECT_THAT(host_rules("t", {}, 1), Not(HasSubstr("chain")));
}

TEST(NatRules, OfANetworkLetOnlyItsOwnAddressesOut) {
  NatNetwork network{nat_order(), 0x40, false, {forward_of(17, 53)}};
  const std::string rules = space_rules(network, 1);
  EXPECT_THAT(rules, HasSubstr("iifname \"tap0\" ip saddr != 10.9.0.1/24 drop"));
  EXPECT_THAT(rules, HasSubstr("udp dport 53 dnat ip to 10.9.0.5:22"));
  EXPECT_THAT(rules, HasSubstr("ip daddr 10.9.0.1 meta l4proto { tcp, udp } th dport 53"));
  NatForward six = forward_of(6, 80);
  six.family = 6;
  network.forwards = {six};
  EXPECT_THAT(space_rules(network, 1), Not(HasSubstr("dport 80")));
  network.has6 = true;
  network.order.prefix6 = 64;
  network.order.gateway6[0] = 0xfd;
  network.order.gateway6[15] = 1;
  EXPECT_THAT(space_rules(network, 1), HasSubstr("dnat ip6 to [fd00:"));
}

}  // namespace
}  // namespace bridle::jail
