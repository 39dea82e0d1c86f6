#include "packet/segment.h"

#include <gtest/gtest.h>

#include <vector>

#include "packet/builder.h"
#include "packet/bytes.h"

namespace bridle::packet {
namespace {

using Bytes = std::vector<uint8_t>;

const MacAddress mac1{{0x52, 0x54, 0, 0, 0, 1}}, mac2{{0x52, 0x54, 0, 0, 0, 2}};
const IpAddress a4 = IpAddress::parse("10.9.0.1").value(),
                b4 = IpAddress::parse("10.9.0.2").value();
const IpAddress a6 = IpAddress::parse("fd00::1").value(), b6 = IpAddress::parse("fd00::2").value();
constexpr uint8_t fin = 1, push = 8, ack = 16, cwr = 0x80;

Bytes counted(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  return bytes;
}

Bytes tcp4(size_t size, uint8_t flags = ack) {
  return build([&](Builder& b) {
    b.ethernet(mac2, mac1).ipv4(a4, b4, {.id = 0xfffe});
    b.tcp(1000, 80, {.sequence = 0xfffffff0, .flags = flags}).payload(counted(size));
  });
}

Bytes tcp6(size_t size) {
  const Bytes options(12, 1);
  return build([&](Builder& b) {
    b.ethernet(mac2, mac1).vlan(5).ipv6(a6, b6).extension(0, Bytes{1, 4, 0, 0, 0, 0});
    b.tcp(1000, 80, {.options = options}).payload(counted(size));
  });
}

Bytes udp(bool six, size_t size) {
  return build([&](Builder& b) {
    b.ethernet(mac2, mac1);
    six ? b.ipv6(a6, b6) : b.ipv4(a4, b4);
    b.udp(1000, 53).payload(counted(size));
  });
}

// Both checksums of a whole frame, as a receiver sees them.
bool is_right(const Bytes& frame, const Headers& h) {
  const std::span<const uint8_t> packet(frame.data() + h.network_offset, h.network_size);
  const std::span<const uint8_t> carried =
      packet.subspan(size_t{h.transport_offset} - h.network_offset);
  Checksum sum = pseudo_header(h.from, h.to, h.protocol, static_cast<uint32_t>(carried.size()));
  sum.add(carried);
  const bool header_right =
      h.network == Network::ipv6 || checksum(packet.first(size_t{packet[0]} % 16 * 4)) == 0;
  return sum.is_right() && header_right;
}

std::vector<Part> cut_up(const Bytes& frame, size_t first, size_t piece) {
  std::vector<Part> parts{Part(frame).first(std::min(first, frame.size()))};
  for (size_t at = parts[0].size(); at < frame.size(); at += piece)
    parts.push_back(Part(frame).subspan(at, std::min(piece, frame.size() - at)));
  return parts;
}

struct Cut {
  Bytes bytes;
  Headers headers;
  Bytes payload() const { return {bytes.begin() + headers.payload_offset, bytes.end()}; }
};

// All segments, each checked for itself, written into two rooms: `first` bytes and the rest.
std::vector<Cut> segments(std::span<const Part> parts, Segmentation kind, uint16_t size,
                          size_t first = 256) {
  std::vector<Cut> all;
  auto cut = Segmenter::begin(parts, kind, size);
  if (!cut) return all;
  while (const uint32_t next = cut->next_size()) {
    Cut one;
    one.bytes.resize(next);
    const size_t split = std::min<size_t>(first, next);
    const std::vector<Room> rooms{Room(one.bytes).first(split), Room(one.bytes).subspan(split)};
    cut->next(rooms);
    EXPECT_EQ(parse(one.bytes, next, one.headers), Parse::ok);
    EXPECT_EQ(one.headers.network_offset + one.headers.network_size, next);
    EXPECT_TRUE(is_right(one.bytes, one.headers)) << all.size();
    all.push_back(std::move(one));
  }
  EXPECT_EQ(all.size(), cut->count());
  return all;
}

Bytes joined(const std::vector<Cut>& all) {
  Bytes bytes;
  for (const Cut& one : all) {
    const Bytes payload = one.payload();
    bytes.insert(bytes.end(), payload.begin(), payload.end());
  }
  return bytes;
}

TEST(Builder, BuildsWhatIsRight) {
  for (const Bytes& frame : {tcp4(3000), tcp6(3001), udp(false, 7), udp(true, 0)}) {
    Headers h;
    ASSERT_EQ(parse(frame, static_cast<uint32_t>(frame.size()), h), Parse::ok);
    EXPECT_TRUE(is_right(frame, h));
  }
}

TEST(Builder, SaysWhenItDoesNotFit) {
  for (size_t size = 0; size < 47; ++size) {
    Bytes into(size);
    Builder b(into);
    b.ethernet(mac2, mac1).ipv4(a4, b4).udp(1, 2).payload(Bytes{1, 2, 3, 4, 5});
    EXPECT_EQ(b.finish(), 0U) << size;
  }
}

TEST(Segment, TcpOverIpv4) {
  const Bytes frame = tcp4(3000, fin | push | ack | cwr);
  const auto all = segments(cut_up(frame, 256, 2048), Segmentation::tcp4, 1448);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(joined(all), counted(3000));
  const uint8_t flags[] = {ack | cwr, ack, fin | push | ack};
  const uint16_t ids[] = {0xfffe, 0xffff, 0};
  for (size_t i = 0; i < 3; ++i) {
    const Cut& one = all[i];
    EXPECT_EQ(one.headers.tcp_sequence, static_cast<uint32_t>(0xfffffff0U + i * 1448));  // wraps
    EXPECT_EQ(one.headers.tcp_flags, flags[i]) << i;
    EXPECT_EQ(load16(&one.bytes[18]), ids[i]);
    EXPECT_EQ(one.payload().size(), i < 2 ? 1448U : 104U);
  }
}

TEST(Segment, TcpOverIpv6WithTagAndExtension) {
  const Bytes frame = tcp6(2000);
  const auto again = segments(cut_up(frame, 300, 77), Segmentation::tcp6, 1000, 150);
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(joined(again), counted(2000));
  EXPECT_EQ(again[1].headers.vlan(), 5);
  EXPECT_EQ(again[1].headers.tcp_sequence, 1000U);
}

TEST(Segment, UdpDatagrams) {
  for (const bool six : {false, true}) {
    const Bytes frame = udp(six, 1001);
    const auto all = segments(cut_up(frame, 256, 100), Segmentation::udp_l4, 100);
    ASSERT_EQ(all.size(), 11U);
    EXPECT_EQ(joined(all), counted(1001));
    EXPECT_EQ(load16(&all[10].bytes[all[10].headers.transport_offset + 4U]), 9);
  }
}

TEST(Segment, AnySizeOfPartsAndSegments) {
  const Bytes frame = tcp4(997);
  for (size_t piece = 1; piece < 60; piece += 3)
    for (uint16_t size = 1; size < 200; size = static_cast<uint16_t>(size * 3))
      ASSERT_EQ(
          joined(segments(cut_up(frame, 54 + piece, piece), Segmentation::tcp4, size, 54 + piece)),
          counted(997))
          << piece << " " << size;
}

TEST(Segment, OneThatFitsAndOneWithNothing) {
  EXPECT_EQ(segments(cut_up(tcp4(10), 256, 1), Segmentation::tcp4, 10).size(), 1U);
  const Bytes frame = tcp4(0);
  const auto all = segments(cut_up(frame, 256, 1), Segmentation::tcp4, 10);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].bytes.size(), frame.size());
}

TEST(Segment, PaddingIsNoPayload) {
  Bytes frame = tcp4(100);
  frame.resize(frame.size() + 50);
  EXPECT_EQ(joined(segments(cut_up(frame, 256, 100), Segmentation::tcp4, 60)), counted(100));
}

TEST(Segment, RefusesWhatIsNotWhatItSays) {
  struct Case {
    const char* what;
    Bytes frame;
    Segmentation kind;
    uint16_t size;
  };
  Bytes lying_udp = udp(false, 100);
  store16(&lying_udp[38], 50);
  const Bytes fragment = build([](Builder& b) {
    b.ethernet(mac2, mac1).ipv4(a4, b4, {.place = 0x2000}).tcp(1, 2).payload(Bytes(4, 0));
  });
  Bytes broken = tcp4(30);
  broken[46] = 0xf0;
  for (const Case& c : {Case{"no size", tcp4(100), Segmentation::tcp4, 0},
                        {"TCP as UDP", tcp4(100), Segmentation::udp_l4, 10},
                        {"IPv4 as IPv6", tcp4(100), Segmentation::tcp6, 10},
                        {"IPv6 as IPv4", tcp6(100), Segmentation::tcp4, 10},
                        {"UDP as TCP", udp(false, 100), Segmentation::tcp4, 10},
                        {"UDP length", lying_udp, Segmentation::udp_l4, 10},
                        {"a fragment", fragment, Segmentation::tcp4, 2},
                        {"TCP header past the packet", broken, Segmentation::tcp4, 10},
                        {"too many", tcp4(most_segments + 1), Segmentation::tcp4, 1},
                        {"no kind", tcp4(100), static_cast<Segmentation>(3), 10}})
    EXPECT_FALSE(Segmenter::begin(std::vector<Part>{c.frame}, c.kind, c.size)) << c.what;
  EXPECT_FALSE(Segmenter::begin({}, Segmentation::tcp4, 10));
  const Bytes most = tcp4(most_segments);
  EXPECT_TRUE(Segmenter::begin(std::vector<Part>{most}, Segmentation::tcp4, 1));
  // Headers that go on in the second part.
  const Bytes frame = tcp4(100);
  EXPECT_FALSE(Segmenter::begin(cut_up(frame, 50, 50), Segmentation::tcp4, 10));
}

TEST(PartialChecksum, IsCompletedOverAllParts) {
  for (const bool six : {false, true}) {
    Bytes frame = udp(six, 777);
    Headers h;
    ASSERT_EQ(parse(frame, static_cast<uint32_t>(frame.size()), h), Parse::ok);
    // What a guest leaves there: the sum of the pseudo-header.
    uint8_t* field = &frame[h.transport_offset + 6U];
    const auto size = static_cast<uint32_t>(frame.size() - h.transport_offset);
    store16(field, static_cast<uint16_t>(~pseudo_header(h.from, h.to, h.protocol, size).value()));
    const std::vector<Room> rooms{Room(frame).first(101), Room(frame).subspan(101, 55),
                                  Room(frame).subspan(156)};
    ASSERT_TRUE(complete_checksum(rooms, h.transport_offset, 6));
    EXPECT_TRUE(is_right(frame, h));
  }
}

TEST(PartialChecksum, OutsideOfTheFirstPartIsRefused) {
  Bytes frame(100, 0);
  const std::vector<Room> rooms{Room(frame).first(60), Room(frame).subspan(60)};
  EXPECT_TRUE(complete_checksum(rooms, 50, 8));
  EXPECT_FALSE(complete_checksum(rooms, 50, 9));
  EXPECT_FALSE(complete_checksum(rooms, 61, 0));
  EXPECT_FALSE(complete_checksum(rooms, 0xffffffff, 1));
  EXPECT_FALSE(complete_checksum(rooms, 1, 0xffffffff));
  EXPECT_FALSE(complete_checksum({}, 0, 0));
}

TEST(PartialChecksum, OnlyWhereAChecksumIs) {
  const Bytes tcp = tcp4(200), over6 = tcp6(200), small = udp(false, 100);
  const Bytes tunnel =
      build([](Builder& b) { b.ethernet(mac2, mac1).ipv4(a4, b4).protocol(47).payload(100, 0); });
  const Bytes later = build([](Builder& b) {
    b.ethernet(mac2, mac1).ipv4(a4, b4, {.place = 0x0010}).protocol(17).payload(100, 0);
  });
  struct Case {
    const char* what;
    const Bytes& frame;
    uint32_t start, offset;
    bool allowed;
  };
  for (const Case& c : {Case{"TCP's", tcp, 34, 16, true},
                        {"TCP's port", tcp, 34, 2, false},
                        {"from before TCP, TCP's", tcp, 30, 20, false},
                        {"IPv4 destination", tcp, 14, 16, false},
                        {"MAC", tcp, 0, 0, false},
                        {"inside of what TCP carries", tcp, 54, 40, true},
                        {"past the end", tcp, 54, 199, false},
                        {"far past the end", tcp, 0xfffffff0, 0x20, false},
                        {"over IPv6 behind an extension", over6, 66, 16, true},
                        {"the extension", over6, 58, 0, false},
                        {"UDP's", small, 34, 6, true},
                        {"UDP's length", small, 34, 4, false},
                        {"inside of a tunnel", tunnel, 38, 16, true},
                        {"a tunnel's outer header", tunnel, 30, 8, false},
                        {"a later fragment", later, 38, 6, false}}) {
    Headers h;
    ASSERT_EQ(parse(c.frame, static_cast<uint32_t>(c.frame.size()), h), Parse::ok);
    EXPECT_EQ(is_checksum_place(h, c.frame, c.start, c.offset), c.allowed) << c.what;
  }
}

}  // namespace
}  // namespace bridle::packet
