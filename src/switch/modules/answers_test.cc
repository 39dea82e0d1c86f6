// What the switch answers itself: ARP, neighbour and router discovery, DHCP, DNS; to whom, with
// which bytes, and what it leaves to others.
#include <gtest/gtest.h>

#include "packet/arp.h"
#include "packet/builder.h"
#include "packet/bytes.h"
#include "packet/checksum.h"
#include "packet/dhcp.h"
#include "packet/dns.h"
#include "packet/nd.h"
#include "switch/testing/packet_case.h"

namespace bridle::net::testing {
namespace {

using packet::build;
using packet::Builder;
using packet::DhcpType;
using packet::Headers;
using packet::link_local;

constexpr uint32_t nat_id = 30, uplink_id = 10;
const MacAddress gateway{{0x52, 0x54, 0, 0, 0, 0xfe}};
const MacAddress switch_mac{{0x02, 0x62, 0x72, 0, 0, 1}};

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }
IpAddress slaac(uint8_t guest) { return packet::eui64(address("fd00::"), mac(guest)); }

// Guests 1, 2, 3 ("web", "db", "pc"); the switch serves all it can; no gateway.
Config serving() {
  return with(plain_config(), [](Config& config) {
    Group& group = config.groups[0];
    group.guard_sources = group.guard_dhcp = group.guard_ra = group.answer_arp = true;
    group.dns = group.dhcp.serve = true;
    group.dhcp.domain = "lab.internal";
    group.mtu = 1450;
    group.prefixes = {IpPrefix::parse("10.9.0.0/24").value(), IpPrefix::parse("fd00::/64").value()};
    const char* names[] = {"Web", "db", "pc"};
    for (size_t i = 0; i < 3; ++i) group.registry[i].host_name = names[i];
  });
}

Config with_gateway() {
  return with(serving(), [](Config& config) {
    Group& group = config.groups[0];
    group.gateway_mac = gateway;
    group.gateway4 = ip(254);
    group.gateway6 = address("fd00::fe");
    config.ports.push_back(plain_port(nat_id, PortKind::nat));
    config.ports.back().macs = {gateway};
  });
}

struct Sent {
  uint32_t port;
  Bytes bytes;
};

// All that became of one frame; the books closed.
std::vector<Sent> outcome(World& world, uint32_t from, const Bytes& frame) {
  world.at(from).push(frame);
  world.settle();
  std::vector<Sent> all;
  for (const auto& [port, driver] : world.drivers())
    for (auto& sent : driver->sent()) all.push_back({port, std::move(sent.bytes)});
  const Status books = world.sw.check_conservation();
  EXPECT_TRUE(books.ok()) << books.error().message();
  return all;
}
std::vector<Sent> outcome(const Config& config, const Bytes& frame, uint32_t from = 1) {
  World world(config);
  return outcome(world, from, frame);
}

Headers parsed(const Bytes& frame) {
  Headers h;
  EXPECT_EQ(packet::parse(frame, static_cast<uint32_t>(frame.size()), h), packet::Parse::ok);
  if (h.transport_offset != 0) {
    const auto carried = std::span(frame).subspan(h.transport_offset);
    packet::Checksum sum =
        packet::pseudo_header(h.from, h.to, h.protocol, static_cast<uint32_t>(carried.size()));
    sum.add(carried);
    EXPECT_TRUE(sum.is_right());
  }
  return h;
}

std::span<const uint8_t> payload(const Bytes& frame, const Headers& h) {
  return std::span(frame).subspan(h.payload_offset);
}

Bytes who_has(const IpAddress& target, uint8_t guest = 1, bool probe = false) {
  return build([&](Builder& b) {
    b.ethernet(MacAddress::broadcast(), mac(guest))
        .arp({1, mac(guest), probe ? address("0.0.0.0") : ip(guest), {}, target});
  });
}

Bytes solicitation(const IpAddress& target, bool probe = false) {
  const IpAddress group = packet::solicited_node(target);
  Bytes frame(200);
  frame.resize(packet::build_solicitation(
      frame,
      {packet::multicast_mac(group), mac(1), group, probe ? IpAddress{} : link_local(mac(1))},
      target));
  return frame;
}

TEST(ArpAnswers, InTheNameOfWhoHasTheAddress) {
  for (const bool probe : {false, true}) {
    const auto sent = outcome(serving(), who_has(ip(2), 1, probe));
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].port, 1U);
    const Headers h = parsed(sent[0].bytes);
    EXPECT_EQ(h.arp_operation, packet::arp_reply);
    EXPECT_EQ(h.arp_sender, mac(2));
    EXPECT_EQ(h.from, ip(2));
    EXPECT_EQ(h.source, mac(2));
    EXPECT_EQ(h.destination, mac(1));
  }
}

TEST(ArpAnswers, OnlyWhereConfigured) {
  const Config config = with(serving(), [](Config& c) { c.groups[0].answer_arp = false; });
  EXPECT_EQ(outcome(config, who_has(ip(2))).size(), 2U);  // flooded
}

TEST(ArpAnswers, OwnAddressAsksNobody) {
  EXPECT_EQ(outcome(serving(), who_has(ip(1), 1, true)).size(), 0U);
}

TEST(ArpAnswers, UnknownAndSingleNeighboursAreAsked) {
  EXPECT_EQ(outcome(serving(), who_has(ip(99))).size(), 2U);
  Bytes unicast = who_has(ip(2));
  const MacAddress second = mac(2);
  std::copy(second.bytes.begin(), second.bytes.end(), unicast.begin());
  const auto sent = outcome(serving(), unicast);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].port, 2U);
}

TEST(ArpAnswers, ForTheGatewayAndForTheSwitch) {
  auto sent = outcome(with_gateway(), who_has(ip(254)));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(parsed(sent[0].bytes).arp_sender, gateway);
  // Without one the first address that nobody has is the switch's.
  sent = outcome(serving(), who_has(ip(4)));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(parsed(sent[0].bytes).arp_sender, switch_mac);
}

TEST(ArpAnswers, ToTheGatewayAndToUplinksForGuestsOfThisSwitch) {
  Config config = with_gateway();
  config.ports.push_back(plain_port(uplink_id, PortKind::uplink));
  config.groups[0].registry.push_back({mac(200), ip(200), "far"});
  const auto question = [](MacAddress from, const IpAddress& target) {
    return build([&](Builder& b) {
      b.ethernet(MacAddress::broadcast(), from).arp({1, from, ip(254), {}, target});
    });
  };
  auto sent = outcome(config, question(gateway, ip(2)), nat_id);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].port, nat_id);
  EXPECT_EQ(parsed(sent[0].bytes).arp_sender, mac(2));
  const MacAddress outsider{{2, 0, 0, 0, 0, 9}};
  const auto outside = [&](const IpAddress& target) {
    return build([&](Builder& b) {
      b.ethernet(MacAddress::broadcast(), outsider).arp({1, outsider, ip(77), {}, target});
    });
  };
  sent = outcome(config, outside(ip(2)), uplink_id);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].port, uplink_id);
  // Who is elsewhere answers for himself.
  for (const Sent& it : outcome(config, outside(ip(200)), uplink_id)) EXPECT_NE(it.port, uplink_id);
}

TEST(NdAnswers, InTheNameOfWhoHasTheAddress) {
  for (const IpAddress& target : {slaac(2), link_local(mac(2))}) {
    const Bytes question = solicitation(target);
    const auto sent = outcome(serving(), question);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].port, 1U);
    const Headers h = parsed(sent[0].bytes);
    const auto message = packet::parse_nd(h, sent[0].bytes);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->type, packet::NdType::neighbor_advertisement);
    EXPECT_EQ(message->target, target);
    EXPECT_EQ(message->link, mac(2));
    EXPECT_TRUE(message->solicited && message->overrides && !message->router);
    EXPECT_EQ(h.to, link_local(mac(1)));
    EXPECT_EQ(h.destination, mac(1));
  }
}

TEST(NdAnswers, DuplicatesAreFoundAndOwnAddressesAreNone) {
  const auto sent = outcome(serving(), solicitation(slaac(2), true));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].port, 1U);
  const Headers h = parsed(sent[0].bytes);
  EXPECT_EQ(h.to, packet::all_nodes());
  const auto message = packet::parse_nd(h, sent[0].bytes);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->solicited);
  EXPECT_EQ(outcome(serving(), solicitation(slaac(1), true)).size(), 0U);
  EXPECT_EQ(outcome(serving(), solicitation(link_local(mac(1)), true)).size(), 0U);
  // Of an address that nobody is known to have the others are asked.
  EXPECT_EQ(outcome(serving(), solicitation(address("fd00::77"), true)).size(), 2U);
}

TEST(NdAnswers, GatewayIsARouter) {
  for (const IpAddress& target : {address("fd00::fe"), link_local(gateway)}) {
    const auto sent = outcome(with_gateway(), solicitation(target));
    ASSERT_EQ(sent.size(), 1U);
    const auto message = packet::parse_nd(parsed(sent[0].bytes), sent[0].bytes);
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->router);
    EXPECT_EQ(message->link, gateway);
  }
}

Bytes router_solicitation() {
  Bytes frame(200);
  const IpAddress to = packet::all_routers();
  frame.resize(packet::build_router_solicitation(
      frame, {packet::multicast_mac(to), mac(1), to, link_local(mac(1))}));
  return frame;
}

TEST(RouterAnswers, TellThePrefix) {
  auto sent = outcome(with_gateway(), router_solicitation());
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].port, 1U);
  Headers h = parsed(sent[0].bytes);
  EXPECT_TRUE(packet::parse_nd(h, sent[0].bytes));
  EXPECT_EQ(h.source_port, 134);
  EXPECT_EQ(h.from, link_local(gateway));
  EXPECT_EQ(h.to, link_local(mac(1)));
  auto body = payload(sent[0].bytes, h);
  EXPECT_EQ(body[1], 0);  // neither managed nor other
  EXPECT_EQ(packet::load16(&body[2]), 65'535);
  EXPECT_EQ(packet::load32(&body[24]), 1450U);  // MTU
  EXPECT_EQ(body[28], 3);
  EXPECT_EQ(body[30], 64);
  EXPECT_EQ(body[31], 0xc0);
  // Without a gateway nobody is a router, and addresses there are all the same.
  sent = outcome(serving(), router_solicitation());
  ASSERT_EQ(sent.size(), 1U);
  h = parsed(sent[0].bytes);
  body = payload(sent[0].bytes, h);
  EXPECT_EQ(packet::load16(&body[2]), 0);
  EXPECT_EQ(h.from, link_local(switch_mac));
}

TEST(RouterAnswers, OnlyWhereServed) {
  const Config config = with(serving(), [](Config& c) { c.groups[0].dhcp.serve = false; });
  for (const Sent& it : outcome(config, router_solicitation())) EXPECT_NE(it.port, 1U);
}

struct Ask {
  DhcpType type = DhcpType::discover;
  std::optional<IpAddress> requested = {}, server = {}, client = {};
  bool broadcast = false;
  MacAddress hardware = mac(1);
};

Bytes dhcp(const Ask& ask) {
  Bytes message(400);
  packet::DhcpQuestion question;
  question.type = ask.type;
  question.transaction = 0xabcdef01;
  question.broadcast = ask.broadcast;
  question.hardware = ask.hardware;
  question.requested = ask.requested;
  question.server_id = ask.server;
  question.client = ask.client;
  message.resize(packet::build_dhcp(message, question));
  return build([&](Builder& b) {
    b.ethernet(MacAddress::broadcast(), mac(1));
    b.ipv4(ask.client.value_or(address("0.0.0.0")), address("255.255.255.255"));
    b.udp(68, 67).payload(message);
  });
}

// The answer, and of the message what is read of it.
struct Answered {
  Bytes frame;
  Headers headers;
  packet::DhcpMessage message;
};
std::optional<Answered> answered(const Config& config, const Bytes& question) {
  auto sent = outcome(config, question);
  if (sent.empty() || sent[0].port != 1) return std::nullopt;
  Answered it{std::move(sent[0].bytes), {}, {}};
  it.headers = parsed(it.frame);
  const auto message = packet::parse_dhcp(payload(it.frame, it.headers));
  if (!message) return std::nullopt;
  it.message = *message;
  return it;
}

TEST(DhcpServer, OffersWhatTheRegistryHas) {
  for (const bool broadcast : {false, true}) {
    const auto it = answered(with_gateway(), dhcp({.broadcast = broadcast}));
    ASSERT_TRUE(it);
    EXPECT_EQ(it->message.type, DhcpType::offer);
    EXPECT_EQ(it->message.yours, ip(1));
    EXPECT_EQ(it->message.server_id, ip(254));
    EXPECT_EQ(it->message.transaction, 0xabcdef01U);
    EXPECT_EQ(it->headers.source, gateway);
    EXPECT_EQ(it->headers.from, ip(254));
    EXPECT_EQ(it->headers.destination, broadcast ? MacAddress::broadcast() : mac(1));
    EXPECT_EQ(it->headers.to, broadcast ? address("255.255.255.255") : ip(1));
    EXPECT_EQ(it->headers.source_port, 67);
    EXPECT_EQ(it->headers.destination_port, 68);
  }
  const auto alone = answered(serving(), dhcp({}));
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->message.server_id, ip(4));
}

TEST(DhcpServer, AnswersRequests) {
  struct Case {
    const char* what;
    Ask ask;
    std::optional<DhcpType> answer;
  };
  for (const Case& c : {
           Case{"selecting", {DhcpType::request, ip(1), ip(254)}, DhcpType::acknowledge},
           {"selecting another's address", {DhcpType::request, ip(2), ip(254)}, DhcpType::refuse},
           {"selecting another server", {DhcpType::request, ip(1), ip(9)}, {}},
           {"after a reboot", {DhcpType::request, ip(1)}, DhcpType::acknowledge},
           {"after a reboot elsewhere",
            {DhcpType::request, address("192.0.2.1")},
            DhcpType::refuse},
           {"renewing", {DhcpType::request, {}, {}, ip(1)}, DhcpType::acknowledge},
           {"told the rest", {DhcpType::inform, {}, {}, ip(1)}, DhcpType::acknowledge},
           {"released", {DhcpType::release, {}, ip(254), ip(1)}, {}},
           {"declined", {DhcpType::decline, ip(1), ip(254)}, {}},
           {"for another's MAC", {.hardware = mac(2)}, {}},
       }) {
    SCOPED_TRACE(c.what);
    const auto it = answered(with_gateway(), dhcp(c.ask));
    ASSERT_EQ(it.has_value(), c.answer.has_value());
    if (it) {
      EXPECT_EQ(name(it->message.type), name(*c.answer));
    }
    // Nobody else ever sees it.
    for (const Sent& sent : outcome(with_gateway(), dhcp(c.ask))) EXPECT_EQ(sent.port, 1U);
  }
}

TEST(DhcpServer, WhereItGoes) {
  const auto renewed = answered(with_gateway(), dhcp({DhcpType::request, {}, {}, ip(1)}));
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->headers.to, ip(1));
  EXPECT_EQ(renewed->headers.destination, mac(1));
  const auto refused = answered(with_gateway(), dhcp({DhcpType::request, ip(2)}));
  ASSERT_TRUE(refused);
  EXPECT_TRUE(refused->headers.destination.is_broadcast());
  EXPECT_TRUE(refused->message.yours.is_unspecified());
  const auto informed = answered(with_gateway(), dhcp({DhcpType::inform, {}, {}, ip(1)}));
  ASSERT_TRUE(informed);
  EXPECT_TRUE(informed->message.yours.is_unspecified());
}

TEST(DhcpServer, RenewalRefreshesTheRouter) {
  const auto sent = outcome(with_gateway(), dhcp({DhcpType::request, {}, {}, ip(1)}));
  ASSERT_EQ(sent.size(), 2U);
  const Headers h = parsed(sent[1].bytes);
  EXPECT_EQ(h.source_port, 134);
  EXPECT_EQ(h.to, packet::all_nodes());
  EXPECT_EQ(h.destination, mac(1));
  EXPECT_TRUE(packet::parse_nd(h, sent[1].bytes));
}

TEST(DhcpServer, LyingLengthsAndOthers) {
  const auto drops = [](const Bytes& frame, Drop drop) {
    World world(with_gateway());
    EXPECT_EQ(outcome(world, 1, frame).size(), 0U);
    return world.drops(1, drop);
  };
  Bytes option = dhcp({});
  option[42 + 241] = 200;  // the type's own length
  EXPECT_EQ(drops(option, Drop::bad_dhcp), 1U);
  Bytes last = dhcp({});
  const size_t list = 42 + 240 + 3;  // the parameter list reaches past the message
  ASSERT_EQ(last[list], 55);
  last[list + 1] = 255;
  EXPECT_EQ(drops(last, Drop::bad_dhcp), 1U);
  Bytes shorter = dhcp({});
  packet::store16(&shorter[38], 100);  // UDP says less than DHCP needs
  EXPECT_EQ(drops(shorter, Drop::bad_dhcp), 1U);
  Bytes longer = dhcp({});
  packet::store16(&longer[38], 2000);
  EXPECT_EQ(drops(longer, Drop::bad_transport), 1U);
  EXPECT_EQ(drops(dhcp({.hardware = mac(3)}), Drop::no_answer), 1U);
}

TEST(DhcpServer, OnlyWhereConfigured) {
  const Config config = with(serving(), [](Config& c) { c.groups[0].dhcp.serve = false; });
  EXPECT_EQ(outcome(config, dhcp({})).size(), 2U);  // to whoever serves
}

TEST(DhcpServer, LongMessagesMayComeInParts) {
  World world(with_gateway());
  Bytes frame = dhcp({});
  frame.resize(frame.size() + 5000);  // padding: the pool makes a chain of it
  const auto sent = outcome(world, 1, frame);
  ASSERT_EQ(sent.size(), 1U);
}

Bytes query(const std::string& labels, uint16_t type, const IpAddress& to, uint16_t flags = 0x100) {
  Bytes message(12, 0);
  packet::store16(&message[0], 0x77);
  packet::store16(&message[2], flags);
  packet::store16(&message[4], 1);
  message.insert(message.end(), labels.begin(), labels.end());
  message.insert(message.end(), {0, 0, static_cast<uint8_t>(type), 0, 1});
  return build([&](Builder& b) {
    b.ethernet(gateway, mac(1));
    to.is_v4() ? b.ipv4(ip(1), to) : b.ipv6(slaac(1), to);
    b.udp(5353, 53).payload(message);
  });
}

const std::string web = "\3web", web_lab = "\3wEb\3lab\10internal", gone = "\4gone\3lab\10internal",
                  far = "\7example\3org";

struct Resolved {
  uint16_t code = 0, count = 0;
  Bytes data;
};
std::optional<Resolved> resolved(const Config& config, const Bytes& question) {
  const auto sent = outcome(config, question);
  if (sent.size() != 1 || sent[0].port != 1) return std::nullopt;
  const Headers h = parsed(sent[0].bytes);
  EXPECT_EQ(h.source_port, 53);
  EXPECT_EQ(h.destination_port, 5353);
  const auto message = payload(sent[0].bytes, h);
  Resolved it;
  it.code = packet::load16(&message[2]) & 15;
  it.count = packet::load16(&message[6]);
  if (it.count == 0) return it;
  size_t at = 12;
  EXPECT_TRUE(packet::read_name(message, at));
  const auto data = message.subspan(at + 4 + 12);
  it.data.assign(data.begin(), data.end());
  return it;
}

TEST(DnsAnswers, NamesOfTheRegistry) {
  const IpAddress own = slaac(1);
  for (const std::string& name : {web, web_lab}) {
    const auto four = resolved(with_gateway(), query(name, packet::dns_type::a, ip(254)));
    ASSERT_TRUE(four);
    EXPECT_EQ(four->data, (Bytes{10, 9, 0, 1}));
    const auto six =
        resolved(with_gateway(), query(name, packet::dns_type::aaaa, address("fd00::fe")));
    ASSERT_TRUE(six);
    EXPECT_EQ(six->data, Bytes(own.bytes.begin(), own.bytes.end()));
  }
  const auto mail = resolved(with_gateway(), query(web, 15, ip(254)));
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->code, 0);
  EXPECT_EQ(mail->count, 0);
}

TEST(DnsAnswers, ReverseNames) {
  const std::string one = "\0011\0010\0019\00210\7in-addr\4arpa";
  const std::string nobody = "\00277\0010\0019\00210\7in-addr\4arpa";
  const auto found = resolved(with_gateway(), query(one, packet::dns_type::ptr, ip(254)));
  ASSERT_TRUE(found);
  size_t at = 0;
  EXPECT_EQ(packet::read_name(found->data, at)->text(), "web.lab.internal");
  const auto none = resolved(with_gateway(), query(nobody, packet::dns_type::ptr, ip(254)));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->code, 3);
}

TEST(DnsAnswers, OfOthersTheGatewayKnows) {
  const auto none = resolved(with_gateway(), query(gone, packet::dns_type::a, ip(254)));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->code, 3);
  for (const Bytes& question :
       {query(far, packet::dns_type::a, ip(254)), query("\4gone", packet::dns_type::a, ip(254)),
        query("\0011\0010\0010\003127\7in-addr\4arpa", packet::dns_type::ptr, ip(254)),
        query(web, packet::dns_type::a, address("192.0.2.53")),
        query(web, packet::dns_type::a, ip(254), 0x2800)}) {
    const auto sent = outcome(with_gateway(), question);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].port, nat_id);
  }
}

TEST(DnsAnswers, WithoutAGatewayTheSwitchIsAlone) {
  const auto found = resolved(serving(), query(web, packet::dns_type::a, ip(4)));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data, (Bytes{10, 9, 0, 1}));
  const auto none = resolved(serving(), query(far, packet::dns_type::a, ip(4)));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->code, 3);
}

TEST(DnsAnswers, BrokenQuestionsEnd) {
  World world(with_gateway());
  const std::string loop = "\3web\300\14";  // into itself
  EXPECT_EQ(outcome(world, 1, query(loop, 1, ip(254))).size(), 0U);
  EXPECT_EQ(world.drops(1, Drop::bad_dns), 1U);
  const Config off = with(with_gateway(), [](Config& c) { c.groups[0].dns = false; });
  EXPECT_EQ(outcome(off, query(loop, 1, ip(254))).size(), 1U);
}

}  // namespace
}  // namespace bridle::net::testing
