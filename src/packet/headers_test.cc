// Each case is a whole frame, a change to it, and what the parser says. Frames are copied into heap
// memory of exactly their size, so that the sanitizer sees a read behind them.
#include "packet/headers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "packet/bytes.h"

namespace bridle::packet {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes hex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != ' ')
      bytes.push_back(
          static_cast<uint8_t>(std::stoi(std::string(text.substr(i++, 2)), nullptr, 16)));
  return bytes;
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Parse parse_exact(const Bytes& frame, Headers& h, uint32_t more = 0) {
  const auto exact = std::make_unique<uint8_t[]>(frame.size());
  std::copy(frame.begin(), frame.end(), exact.get());
  return parse({exact.get(), frame.size()}, static_cast<uint32_t>(frame.size()) + more, h);
}

const Bytes macs = hex("52 54 00 00 00 02  52 54 00 00 00 01");
const Bytes is_ipv4 = hex("0800"), is_ipv6 = hex("86dd"), is_arp = hex("0806");
const Bytes tcp = hex("30 39 00 50  01 02 03 04  05 06 07 08  50 18 20 00  00 00 00 00");
const Bytes udp = hex("30 39 00 35  00 0c 00 00") + hex("61 62 63 64");
const Bytes icmp = hex("08 03 00 00  12 34 00 01");

Bytes ipv4(uint8_t protocol, const Bytes& payload, uint16_t place = 0, const Bytes& options = {}) {
  Bytes header = hex("45 00 00 00  ab cd 00 00  40 00 00 00  0a 09 00 01  0a 09 00 02") + options;
  header[0] = static_cast<uint8_t>(0x40 | header.size() / 4);
  store16(&header[2], static_cast<uint16_t>(header.size() + payload.size()));
  store16(&header[6], place);
  header[9] = protocol;
  return macs + is_ipv4 + header + payload;
}

Bytes ipv6(uint8_t next, const Bytes& payload) {
  Bytes header = hex("60 00 00 00  00 00 00 ff") +
                 hex("fd 00 00 00 00 00 00 00  00 00 00 00 00 00 00 01") +
                 hex("fd 00 00 00 00 00 00 00  00 00 00 00 00 00 00 02");
  store16(&header[4], static_cast<uint16_t>(payload.size()));
  header[6] = next;
  return macs + is_ipv6 + header + payload;
}

const Bytes arp = macs + is_arp +
                  hex("0001 0800 06 04 0002  52 54 00 00 00 01 0a 09 00 01"
                      "52 54 00 00 00 02 0a 09 00 02");

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(Headers, PlainTcpOverIpv4) {
  Headers h;
  ASSERT_EQ(parse_exact(ipv4(6, tcp + hex("6869")), h), Parse::ok);
  EXPECT_EQ(h.destination.text(), "52:54:00:00:00:02");
  EXPECT_EQ(h.source.text(), "52:54:00:00:00:01");
  EXPECT_EQ(h.ether_type, ether_type::ipv4);
  EXPECT_EQ(h.network, Network::ipv4);
  EXPECT_EQ(h.network_offset, 14);
  EXPECT_EQ(h.transport_offset, 34);
  EXPECT_EQ(h.payload_offset, 54);
  EXPECT_EQ(h.network_size, 42U);
  EXPECT_EQ(h.from, ip("10.9.0.1"));
  EXPECT_EQ(h.to, ip("10.9.0.2"));
  EXPECT_EQ(h.protocol, protocol::tcp);
  EXPECT_EQ(h.hop_limit, 64);
  EXPECT_EQ(h.source_port, 12345);
  EXPECT_EQ(h.destination_port, 80);
  EXPECT_EQ(h.tcp_flags, 0x18);
  EXPECT_EQ(h.tcp_sequence, 0x01020304U);
  EXPECT_EQ(h.tcp_acknowledgment, 0x05060708U);
  EXPECT_EQ(h.tcp_window, 0x2000);
  EXPECT_FALSE(h.fragment || h.has_options || h.tags != 0);
}

TEST(Headers, NothingOfTheFrameBeforeStays) {
  Headers h, fresh;
  ASSERT_EQ(parse_exact(arp, h), Parse::ok);
  ASSERT_EQ(parse_exact(ipv6(17, udp), h), Parse::ok);
  ASSERT_EQ(parse_exact(macs + hex("88cc 0102"), h), Parse::ok);
  ASSERT_EQ(parse_exact(macs + hex("88cc 0102"), fresh), Parse::ok);
  EXPECT_EQ(h.from, fresh.from);
  EXPECT_EQ(h.arp_operation, 0);
  EXPECT_EQ(h.network, Network::other);
  EXPECT_EQ(h.transport_offset, 0);
  EXPECT_EQ(h.network_size, 0U);
}

TEST(Headers, UdpOverIpv6) {
  Headers h;
  ASSERT_EQ(parse_exact(ipv6(17, udp), h), Parse::ok);
  EXPECT_EQ(h.network, Network::ipv6);
  EXPECT_EQ(h.from, ip("fd00::1"));
  EXPECT_EQ(h.to, ip("fd00::2"));
  EXPECT_EQ(h.hop_limit, 255);
  EXPECT_EQ(h.network_size, 52U);
  EXPECT_EQ(h.transport_offset, 54);
  EXPECT_EQ(h.payload_offset, 62);
  EXPECT_EQ(h.destination_port, 53);
}

TEST(Headers, Arp) {
  Headers h;
  ASSERT_EQ(parse_exact(arp, h), Parse::ok);
  EXPECT_EQ(h.network, Network::arp);
  EXPECT_EQ(h.arp_operation, 2);
  EXPECT_EQ(h.arp_sender.text(), "52:54:00:00:00:01");
  EXPECT_EQ(h.arp_target.text(), "52:54:00:00:00:02");
  EXPECT_EQ(h.from, ip("10.9.0.1"));
  EXPECT_EQ(h.to, ip("10.9.0.2"));
  EXPECT_EQ(h.transport_offset, 0);
}

TEST(Headers, IcmpTypeAndCode) {
  Headers h;
  ASSERT_EQ(parse_exact(ipv4(1, icmp), h), Parse::ok);
  EXPECT_EQ(h.source_port, 8);
  EXPECT_EQ(h.destination_port, 3);
  EXPECT_EQ(h.payload_offset, 38);
  ASSERT_EQ(parse_exact(ipv6(58, hex("86 00 00 00")), h), Parse::ok);
  EXPECT_EQ(h.source_port, 134);
  // Each family has its own: the other's number is a protocol like any.
  ASSERT_EQ(parse_exact(ipv4(58, icmp), h), Parse::ok);
  EXPECT_EQ(h.transport_offset, 0);
}

TEST(Headers, Tags) {
  Bytes frame = ipv4(6, tcp);
  const Bytes inner(frame.begin() + 12, frame.end());
  Headers h;
  ASSERT_EQ(parse_exact(macs + hex("8100 6064") + inner, h), Parse::ok);
  EXPECT_EQ(h.tags, 1);
  EXPECT_EQ(h.vlan(), 100);
  EXPECT_EQ(h.tci[0], 0x6064);
  EXPECT_EQ(h.network_offset, 18);
  EXPECT_EQ(h.destination_port, 80);
  ASSERT_EQ(parse_exact(macs + hex("88a8 0005 8100 0007") + inner, h), Parse::ok);
  EXPECT_EQ(h.tags, 2);
  EXPECT_EQ(h.tag_type[0], ether_type::provider);
  EXPECT_EQ(h.tag_type[1], ether_type::vlan);
  EXPECT_EQ(h.vlan(), 5);
  EXPECT_EQ(h.tci[1], 7);
  EXPECT_EQ(h.network, Network::ipv4);
  // A third is what the frame carries: nothing behind it is read.
  ASSERT_EQ(parse_exact(macs + hex("8100 0001 8100 0002 8100 0003") + inner, h), Parse::ok);
  EXPECT_EQ(h.tags, 2);
  EXPECT_EQ(h.ether_type, ether_type::vlan);
  EXPECT_EQ(h.network, Network::other);
}

TEST(Headers, PaddingIsNobodys) {
  Headers h;
  ASSERT_EQ(parse_exact(ipv4(17, udp) + Bytes(20, 0), h), Parse::ok);
  EXPECT_EQ(h.network_size, 32U);
  EXPECT_EQ(parse_exact(ipv4(6, Bytes(tcp.begin(), tcp.end() - 1)) + Bytes(20, 0), h),
            Parse::bad_transport);
}

// A frame, one or two bytes of it replaced, and what is said of it.
struct Broken {
  const char* what;
  Bytes frame;
  size_t at;
  uint16_t value;  // one byte if below 256 and `at` odd or `wide` false
  bool wide;
  Parse expected;
};

class HeaderLengths : public testing::TestWithParam<Broken> {};

TEST_P(HeaderLengths, AreChecked) {
  const Broken& c = GetParam();
  Bytes frame = c.frame;
  if (c.wide)
    store16(&frame.at(c.at), c.value);
  else
    frame.at(c.at) = static_cast<uint8_t>(c.value);
  Headers h;
  EXPECT_EQ(name(parse_exact(frame, h)), name(c.expected)) << c.what;
}

const Bytes tcp4 = ipv4(6, tcp + hex("6869")), udp4 = ipv4(17, udp), tcp6 = ipv6(6, tcp);
const Bytes hop = hex("06 00 01 04 00000000") + tcp;  // hop-by-hop options, then TCP
const Bytes ah = hex("06 04") + Bytes(22, 0) + tcp;   // authentication, 24 bytes
const Bytes first6 = hex("11 00 0001 00000009") + udp + hex("00000000");

INSTANTIATE_TEST_SUITE_P(
    Ipv4, HeaderLengths,
    testing::Values(Broken{"as built", tcp4, 14, 0x45, false, Parse::ok},
                    Broken{"version 5", tcp4, 14, 0x55, false, Parse::bad_ipv4},
                    Broken{"version 6", tcp4, 14, 0x65, false, Parse::bad_ipv4},
                    Broken{"header of 16", tcp4, 14, 0x44, false, Parse::bad_ipv4},
                    Broken{"header of 0", tcp4, 14, 0x40, false, Parse::bad_ipv4},
                    Broken{"header longer than frame", tcp4, 14, 0x4f, false, Parse::bad_ipv4},
                    Broken{"total below header", tcp4, 16, 19, true, Parse::bad_ipv4},
                    Broken{"total 0", tcp4, 16, 0, true, Parse::bad_ipv4},
                    Broken{"total past frame", tcp4, 16, 43, true, Parse::bad_ipv4},
                    Broken{"total cuts TCP", tcp4, 16, 39, true, Parse::bad_transport},
                    Broken{"total is headers", tcp4, 16, 40, true, Parse::ok},
                    Broken{"options where TCP was", tcp4, 14, 0x46, false, Parse::bad_transport}));

INSTANTIATE_TEST_SUITE_P(
    Transport, HeaderLengths,
    testing::Values(Broken{"TCP of 16", tcp4, 46, 0x40, false, Parse::bad_transport},
                    Broken{"TCP of 0", tcp4, 46, 0x00, false, Parse::bad_transport},
                    Broken{"TCP longer than packet", tcp4, 46, 0x60, false, Parse::bad_transport},
                    Broken{"UDP as built", udp4, 38, 12, true, Parse::ok},
                    Broken{"UDP shorter than packet", udp4, 38, 8, true, Parse::ok},
                    Broken{"UDP of 7", udp4, 38, 7, true, Parse::bad_transport},
                    Broken{"UDP of 0", udp4, 38, 0, true, Parse::bad_transport},
                    Broken{"UDP past packet", udp4, 38, 13, true, Parse::bad_transport},
                    Broken{"UDP of 0 over IPv6", ipv6(17, udp), 58, 0, true, Parse::bad_transport},
                    Broken{"ICMP cut", ipv4(1, icmp), 16, 27, true, Parse::bad_transport},
                    Broken{"ICMPv6 cut", ipv6(58, icmp), 18, 3, true, Parse::bad_transport}));

INSTANTIATE_TEST_SUITE_P(
    Ipv6, HeaderLengths,
    testing::Values(
        Broken{"as built", tcp6, 14, 0x60, false, Parse::ok},
        Broken{"version 4", tcp6, 14, 0x45, false, Parse::bad_ipv6},
        Broken{"payload past frame", tcp6, 18, 21, true, Parse::bad_ipv6},
        Broken{"payload cuts TCP", tcp6, 18, 19, true, Parse::bad_transport},
        Broken{"payload 0", tcp6, 18, 0, true, Parse::bad_transport},
        Broken{"hop-by-hop", ipv6(0, hop), 14, 0x60, false, Parse::ok},
        Broken{"hop-by-hop past packet", ipv6(0, hop), 55, 3, false, Parse::bad_ipv6},
        Broken{"hop-by-hop swallows TCP", ipv6(0, hop), 55, 1, false, Parse::bad_transport},
        Broken{"hop-by-hop twice", ipv6(0, hop), 54, 0, false, Parse::bad_ipv6},
        Broken{"hop-by-hop cut", ipv6(0, hop), 18, 7, true, Parse::bad_ipv6},
        Broken{"payload 0 and hop-by-hop", ipv6(0, hop), 18, 0, true, Parse::bad_ipv6},
        Broken{"authentication", ipv6(51, ah), 14, 0x60, false, Parse::ok},
        Broken{"authentication past packet", ipv6(51, ah), 55, 255, false, Parse::bad_ipv6},
        Broken{"first fragment", ipv6(44, first6), 56, 0x0001, true, Parse::ok},
        Broken{"atomic fragment", ipv6(44, first6), 56, 0x0000, true, Parse::ok},
        Broken{"later fragment", ipv6(44, first6), 56, 0x0009, true, Parse::ok},
        Broken{"fragment of a fragment", ipv6(44, first6), 54, 44, false, Parse::bad_ipv6},
        Broken{"fragment not of 8", ipv6(44, first6), 18, 23, true, Parse::bad_ipv6},
        Broken{"fragment past 65,535", ipv6(44, first6), 56, 0xfff8, true, Parse::bad_ipv6}));

INSTANTIATE_TEST_SUITE_P(
    Others, HeaderLengths,
    testing::Values(Broken{"ARP as built", arp, 14, 1, true, Parse::ok},
                    Broken{"ARP of another link", arp, 14, 6, true, Parse::bad_arp},
                    Broken{"ARP for another network", arp, 16, 0x86dd, true, Parse::bad_arp},
                    Broken{"ARP hardware size", arp, 18, 8, false, Parse::bad_arp},
                    Broken{"ARP address size", arp, 19, 16, false, Parse::bad_arp},
                    Broken{"a tag that is cut", macs + hex("0800 0000"), 12, 0x8100, true,
                           Parse::short_ethernet},
                    Broken{"802.3 length", macs + hex("0800 0000"), 12, 0x0100, true, Parse::ok}));

struct Whole {
  const char* what;
  Bytes frame;
};

class CutFrames : public testing::TestWithParam<Whole> {};

// Cut after any byte, a frame is refused (or, cut behind its Ethernet header, is too short for IP).
TEST_P(CutFrames, AreRefused) {
  const Bytes& frame = GetParam().frame;
  Headers h;
  ASSERT_EQ(parse_exact(frame, h), Parse::ok);
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_NE(parse_exact(Bytes(frame.begin(), frame.begin() + static_cast<long>(size)), h),
              Parse::ok)
        << GetParam().what << " of " << size;
  }
}

INSTANTIATE_TEST_SUITE_P(All, CutFrames,
                         testing::Values(Whole{"tcp4", tcp4}, Whole{"udp4", udp4},
                                         Whole{"tcp6", tcp6}, Whole{"arp", arp},
                                         Whole{"icmp", ipv4(1, icmp)},
                                         Whole{"hop-by-hop", ipv6(0, hop)},
                                         Whole{"authentication", ipv6(51, ah)},
                                         Whole{"fragment", ipv6(44, first6)},
                                         Whole{"options", ipv4(6, tcp, 0, hex("01010101"))}));

// In Headers they would be IPv4 addresses: of somebody else.
TEST(Headers, MappedAddressesAreNotForTheWire) {
  for (const size_t at : {22U, 38U}) {
    Bytes frame = tcp6;
    const Bytes mapped = hex("00000000 00000000 0000ffff 0a090003");
    std::copy(mapped.begin(), mapped.end(), frame.begin() + static_cast<long>(at));
    Headers h;
    EXPECT_EQ(parse_exact(frame, h), Parse::bad_ipv6);
    frame[at + 11] = 0xfe;
    EXPECT_EQ(parse_exact(frame, h), Parse::ok);
  }
}

TEST(Headers, FragmentsOfIpv4) {
  const Bytes eight = hex("0001020304050607");
  Headers h;
  ASSERT_EQ(parse_exact(ipv4(17, udp + hex("00000000"), 0x2000), h), Parse::ok);
  EXPECT_TRUE(h.fragment && h.more_fragments);
  EXPECT_EQ(h.fragment_offset, 0);
  EXPECT_EQ(h.fragment_id, 0xabcdU);
  EXPECT_EQ(h.destination_port, 53);
  ASSERT_EQ(parse_exact(ipv4(17, eight, 0x0003), h), Parse::ok);
  EXPECT_TRUE(h.fragment && !h.more_fragments);
  EXPECT_EQ(h.fragment_offset, 24);
  EXPECT_EQ(h.transport_offset, 0);
  EXPECT_EQ(h.destination_port, 0);
  // "Do not fragment" is none.
  ASSERT_EQ(parse_exact(ipv4(6, tcp, 0x4000), h), Parse::ok);
  EXPECT_FALSE(h.fragment);
}

TEST(Headers, FragmentsThatHideSomething) {
  const Bytes eight = hex("0001020304050607");
  Headers h;
  // The first without its whole TCP header, and the second from inside of it (RFC 1858, 3128).
  EXPECT_EQ(parse_exact(ipv4(6, eight, 0x2000), h), Parse::bad_transport);
  EXPECT_EQ(parse_exact(ipv4(6, eight, 0x0001), h), Parse::bad_transport);
  EXPECT_EQ(parse_exact(ipv4(17, hex("0001020304"), 0x2000), h), Parse::bad_ipv4);
  EXPECT_EQ(parse_exact(ipv4(1, eight, 0x1fff), h), Parse::bad_ipv4);  // "ping of death"
  // A first fragment that ends before its last header (RFC 7112).
  EXPECT_EQ(parse_exact(ipv6(44, hex("3c 00 0001 00000009") + hex("3a 02 01 04 00000000")), h),
            Parse::bad_ipv6);
}

TEST(Headers, IcmpV6BehindExtensionsAndFragments) {
  const Bytes advertisement = hex("86 00 0000 40 00 0000 00000000 00000000");
  const Bytes options = hex("3a 00 01 04 00000000");
  Headers h;
  ASSERT_EQ(parse_exact(ipv6(60, options + advertisement), h), Parse::ok);
  EXPECT_EQ(h.protocol, protocol::icmpv6);
  EXPECT_EQ(h.source_port, 134);
  EXPECT_TRUE(h.has_options && !h.fragment);
  const Bytes atomic = hex("3c 00 0000 00000001") + options + advertisement;
  ASSERT_EQ(parse_exact(ipv6(44, atomic), h), Parse::ok);
  EXPECT_EQ(h.source_port, 134);
  EXPECT_TRUE(h.fragment && !h.more_fragments);
}

TEST(Headers, EightExtensionsAndNoMore) {
  const Bytes again = hex("3c 00 01 04 00000000"), last = hex("06 00 01 04 00000000");
  Bytes seven;
  for (int i = 0; i < 7; ++i) seven = seven + again;
  Headers h;
  EXPECT_EQ(parse_exact(ipv6(60, seven + last + tcp), h), Parse::ok);
  EXPECT_EQ(h.destination_port, 80);
  EXPECT_EQ(parse_exact(ipv6(60, seven + again + last + tcp), h), Parse::bad_ipv6);
}

TEST(Headers, PayloadMayBeInLaterParts) {
  Bytes frame = tcp4;
  store16(&frame[16], 40 + 9000);
  Headers h;
  EXPECT_EQ(parse_exact(frame, h, 8998), Parse::ok);
  EXPECT_EQ(parse_exact(frame, h, 8997), Parse::bad_ipv4);
  // Headers may not.
  frame.resize(50);
  EXPECT_EQ(parse_exact(frame, h, 9004), Parse::bad_transport);
}

TEST(Headers, EveryResultHasAName) {
  for (const Parse result : {Parse::ok, Parse::short_ethernet, Parse::bad_arp, Parse::bad_ipv4,
                             Parse::bad_ipv6, Parse::bad_transport})
    EXPECT_NE(name(result), "?");
}

}  // namespace
}  // namespace bridle::packet
