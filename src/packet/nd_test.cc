#include "packet/nd.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "packet/arp.h"
#include "packet/builder.h"
#include "packet/bytes.h"
#include "packet/checksum.h"

namespace bridle::packet {
namespace {

using Bytes = std::vector<uint8_t>;

const MacAddress mac1{{0x52, 0x54, 0, 0, 0, 1}}, mac2{{0x52, 0x54, 0, 0, 0, 2}};
IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
const IpAddress one = ip("fe80::1"), two = ip("fe80::2");
const NdEnvelope envelope{mac2, mac1, two, one};

Headers parsed(std::span<const uint8_t> frame) {
  Headers h;
  EXPECT_EQ(parse(frame, static_cast<uint32_t>(frame.size()), h), Parse::ok);
  return h;
}

bool sums_right(std::span<const uint8_t> frame) {
  const Headers h = parsed(frame);
  const auto carried = frame.subspan(h.transport_offset);
  Checksum sum = pseudo_header(h.from, h.to, h.protocol, static_cast<uint32_t>(carried.size()));
  sum.add(carried);
  return sum.is_right();
}

template <typename... Args>
Bytes made(size_t (*build_it)(std::span<uint8_t>, Args...), std::type_identity_t<Args>... args) {
  Bytes frame(1500);
  frame.resize(build_it(frame, args...));
  EXPECT_FALSE(frame.empty());
  return frame;
}

TEST(Nd, AdvertisementIsReadAsWritten) {
  const NeighborAdvertisement what{ip("fd00::5"), mac1, true, true, false};
  const Bytes frame = made(build_advertisement, envelope, what);
  EXPECT_TRUE(sums_right(frame));
  const Headers h = parsed(frame);
  ASSERT_TRUE(is_nd(h));
  const auto message = parse_nd(h, frame);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, NdType::neighbor_advertisement);
  EXPECT_EQ(message->target, ip("fd00::5"));
  EXPECT_EQ(message->link, mac1);
  EXPECT_TRUE(message->router && message->solicited && !message->overrides);
  EXPECT_EQ(h.hop_limit, 255);
}

TEST(Nd, SolicitationsAreReadAsWritten) {
  const Bytes frame = made(build_solicitation, envelope, ip("fd00::5"));
  EXPECT_TRUE(sums_right(frame));
  const auto message = parse_nd(parsed(frame), frame);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->target, ip("fd00::5"));
  EXPECT_EQ(message->link, mac1);
  // Duplicate address detection: nobody asks, and says no link-layer address.
  const IpAddress group = solicited_node(ip("fd00::5"));
  const NdEnvelope nobody{multicast_mac(group), mac1, group, {}};
  const Bytes probe = made(build_solicitation, nobody, ip("fd00::5"));
  const auto asked = parse_nd(parsed(probe), probe);
  ASSERT_TRUE(asked);
  EXPECT_FALSE(asked->link);
  const Bytes router = made(build_router_solicitation, envelope);
  EXPECT_TRUE(parse_nd(parsed(router), router));
}

TEST(Nd, RouterAdvertisementByByte) {
  const std::array servers{ip("10.9.0.1"), ip("fd00::53")};
  RouterAdvertisement what;
  what.lifetime = 600;
  what.other = true;
  what.link = mac1;
  what.mtu = 1450;
  what.prefix = IpPrefix::parse("fd00::/64").value();
  what.name_servers = servers;
  what.domain = "lab.internal";
  const Bytes frame = made(build_router_advertisement, envelope, what);
  EXPECT_TRUE(sums_right(frame));
  EXPECT_TRUE(parse_nd(parsed(frame), frame));
  EXPECT_EQ(frame[58], 64);
  EXPECT_EQ(frame[59], 0x40);
  EXPECT_EQ(load16(&frame[60]), 600);
  const Bytes options(frame.begin() + 70, frame.end());
  EXPECT_EQ(Bytes(options.begin(), options.begin() + 8), (Bytes{1, 1, 0x52, 0x54, 0, 0, 0, 1}));
  EXPECT_EQ(Bytes(options.begin() + 8, options.begin() + 16),
            (Bytes{5, 1, 0, 0, 0, 0, 0x05, 0xaa}));
  EXPECT_EQ(Bytes(options.begin() + 16, options.begin() + 20), (Bytes{3, 4, 64, 0xc0}));
  EXPECT_EQ(Bytes(options.begin() + 48, options.begin() + 56), (Bytes{25, 3, 0, 0, 0, 0, 2, 88}));
  EXPECT_EQ(options[71], 0x53);  // the IPv6 server alone
  EXPECT_EQ(Bytes(options.begin() + 72, options.begin() + 84),
            (Bytes{31, 3, 0, 0, 0, 0, 2, 88, 3, 'l', 'a', 'b'}));
  EXPECT_EQ(options.size(), 96U);
}

// What a host must ignore, and what a guard and a host could understand differently.
TEST(Nd, RefusesWhatIsInvalid) {
  const Bytes good =
      made(build_advertisement, envelope, NeighborAdvertisement{ip("fd00::5"), mac1});
  const size_t option = good.size() - 8;
  struct Case {
    const char* what;
    size_t at;
    uint8_t value;
  };
  for (const Case& c : {Case{"hop limit 254", 21, 254},
                        {"code 1", 55, 1},
                        {"an option of no size", option + 1, 0},
                        {"an option past the end", option + 1, 2},
                        {"a group as target", 62, 0xff}}) {
    Bytes frame = good;
    frame[c.at] = c.value;
    EXPECT_FALSE(parse_nd(parsed(frame), frame)) << c.what;
  }
  EXPECT_TRUE(parse_nd(parsed(good), good));
}

TEST(Nd, RefusesTwoLinkAddresses) {
  Bytes body(20, 0);
  body[4] = 0xfd;
  const Bytes own{2, 1, 0x52, 0x54, 0, 0, 0, 1}, other{2, 1, 0x52, 0x54, 0, 0, 0, 2};
  const auto frame = build([&](Builder& b) {
    b.ethernet(mac2, mac1).ipv6(one, two, {.hop_limit = 255}).icmp(136, 0);
    b.payload(body).payload(own).payload(other);
  });
  EXPECT_FALSE(parse_nd(parsed(frame), frame));
}

TEST(Nd, RefusesWhatIsCutOrInvalidForItsSender) {
  for (const uint8_t type : {133, 134, 135, 136, 137}) {
    const auto frame = build([&](Builder& b) {
      b.ethernet(mac2, mac1).ipv6(one, two, {.hop_limit = 255}).icmp(type, 0).payload(3, 0);
    });
    EXPECT_FALSE(parse_nd(parsed(frame), frame)) << int{type};
  }
  // A probe with a link-layer address, a probe to somebody, a router from far away.
  const NdEnvelope far{mac2, mac1, two, ip("fd00::1")};
  const Bytes router = made(build_router_advertisement, far, RouterAdvertisement{});
  EXPECT_FALSE(parse_nd(parsed(router), router));
  const NdEnvelope unicast_probe{mac2, mac1, two, {}};
  const Bytes probe = made(build_solicitation, unicast_probe, ip("fd00::5"));
  EXPECT_FALSE(parse_nd(parsed(probe), probe));
}

TEST(Nd, FragmentsAreNone) {
  const auto frame = build([&](Builder& b) {
    b.ethernet(mac2, mac1).ipv6(one, two, {.hop_limit = 255}).fragment(0, 7);
    b.icmp(136, 0).payload(20, 0);
  });
  EXPECT_TRUE(is_nd(parsed(frame)));
  EXPECT_FALSE(parse_nd(parsed(frame), frame));
}

TEST(Nd, Addresses) {
  EXPECT_EQ(solicited_node(ip("fd00::12:3456")), ip("ff02::1:ff12:3456"));
  EXPECT_EQ(multicast_mac(ip("ff02::1:ff12:3456")).text(), "33:33:ff:12:34:56");
  EXPECT_EQ(multicast_mac(ip("224.129.0.18")).text(), "01:00:5e:01:00:12");
  EXPECT_EQ(link_local(MacAddress::parse("52:54:00:12:34:56").value()),
            ip("fe80::5054:ff:fe12:3456"));
  EXPECT_EQ(eui64(ip("fd00:1::"), mac1), ip("fd00:1::5054:ff:fe00:1"));
}

TEST(Nd, SaysWhenItDoesNotFit) {
  Bytes small(80);
  EXPECT_EQ(build_advertisement(small, envelope, {}), 0U);
  EXPECT_EQ(build_router_advertisement(std::span(small).first(70), envelope, {}), 0U);
}

TEST(Arp, ReplyAnswersTheQuestion) {
  const auto question = build([](Builder& b) {
    b.ethernet(MacAddress::broadcast(), mac1)
        .arp({arp_request, mac1, ip("10.9.0.1"), {}, ip("10.9.0.2")});
  });
  Bytes reply(arp_frame_size);
  ASSERT_EQ(build_arp_reply(reply, parsed(question), mac2), arp_frame_size);
  const Headers h = parsed(reply);
  EXPECT_EQ(h.arp_operation, arp_reply);
  EXPECT_EQ(h.destination, mac1);
  EXPECT_EQ(h.source, mac2);
  EXPECT_EQ(h.arp_sender, mac2);
  EXPECT_EQ(h.from, ip("10.9.0.2"));
  EXPECT_EQ(h.arp_target, mac1);
  EXPECT_EQ(h.to, ip("10.9.0.1"));
  EXPECT_FALSE(is_arp_probe(h) || is_arp_announcement(h));
}

TEST(Arp, AnnouncementIsOne) {
  Bytes frame(60);
  ASSERT_EQ(build_arp_announcement(frame, ip("10.9.0.9"), mac2), arp_frame_size);
  const Headers h = parsed(frame);
  EXPECT_TRUE(is_arp_announcement(h));
  EXPECT_TRUE(h.destination.is_broadcast());
  EXPECT_EQ(build_arp_announcement(std::span(frame).first(41), ip("10.9.0.9"), mac2), 0U);
}

}  // namespace
}  // namespace bridle::packet
