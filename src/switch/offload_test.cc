// Offloads: large frames pass whole between those that can, and are cut where they leave for
// others.
#include <gtest/gtest.h>

#include "packet/builder.h"
#include "packet/checksum.h"
#include "switch/cases/vlan_cases.h"

namespace bridle::net::testing {
namespace {

constexpr Abilities nothing{};

Bytes large_tcp(size_t payload, bool v6 = false) {
  return packet::build([&](packet::Builder& frame) {
    frame.ethernet(mac(2), mac(1));
    if (v6)
      frame.ipv6(*IpAddress::parse("fd00::1"), *IpAddress::parse("fd00::2"));
    else
      frame.ipv4(ip(1), ip(2));
    frame.tcp(80, 4000).payload(payload, 0x5a);
  });
}

Offload large(Offload::Segmentation kind, uint16_t size = 1400) {
  Offload offload;
  offload.segmentation = kind;
  offload.needs_checksum = true;
  offload.segment_size = size;
  return offload;
}

uint16_t transport_sum(const Bytes& bytes, const packet::Headers& h) {
  const uint32_t size = h.network_size - (h.transport_offset - h.network_offset);
  packet::Checksum sum = packet::pseudo_header(h.from, h.to, h.protocol, size);
  sum.add({bytes.data() + h.transport_offset, size});
  return sum.value();
}

// Sends it from guest 1 to guest 2, who has these abilities.
std::vector<FakeDriver::Passed> pass(World& world, const Bytes& frame, Offload offload) {
  world.at(1).push(frame, offload);
  world.settle();
  const Status books = world.sw.check_conservation();
  EXPECT_TRUE(books.ok()) << books.error().message();
  EXPECT_EQ(world.pool.free(), world.pool.size());
  return world.at(2).sent();
}

TEST(Offload, LargeFramesPassWholeToWhoTakesThem) {
  World world(plain_config(), 256, all_abilities);
  const Bytes frame = large_tcp(20'000);
  const auto sent = pass(world, frame, large(Offload::tcp4));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].bytes, frame);
  EXPECT_EQ(sent[0].offload.segmentation, Offload::tcp4);
  EXPECT_EQ(sent[0].offload.segment_size, 1400);
  EXPECT_EQ(sent[0].offload.header_size, 54);
  EXPECT_EQ(sent[0].offload.checksum_start, 34);
}

void expect_cut(const std::vector<FakeDriver::Passed>& sent, size_t payload, size_t header) {
  ASSERT_EQ(sent.size(), (payload + 1399) / 1400);
  size_t seen = 0;
  for (const auto& segment : sent) {
    packet::Headers h;
    ASSERT_EQ(packet::parse(segment.bytes, segment.bytes.size(), h), packet::Parse::ok);
    EXPECT_EQ(transport_sum(segment.bytes, h), 0);
    EXPECT_EQ(segment.offload.segmentation, Offload::none);
    seen += segment.bytes.size() - header;
  }
  EXPECT_EQ(seen, payload);
}

TEST(Offload, LargeFramesAreCutForOthers) {
  for (const bool v6 : {false, true}) {
    World world(plain_config(), 256, nothing);
    const auto sent = pass(world, large_tcp(20'000, v6), large(v6 ? Offload::tcp6 : Offload::tcp4));
    expect_cut(sent, 20'000, v6 ? 74 : 54);
    EXPECT_EQ(world.totals(1).made, 14U);
    EXPECT_EQ(world.totals(2).sent, 15U);
  }
}

TEST(Offload, CutFramesAreTagged) {
  World world(vlans(), 256, nothing);
  Bytes frame = large_tcp(5000);
  std::copy(outsider.bytes.begin(), outsider.bytes.end(), frame.begin());
  world.at(1).push(frame, large(Offload::tcp4));
  world.settle();
  const auto sent = world.at(uplink_id).sent();
  ASSERT_EQ(sent.size(), 4U);
  for (const auto& segment : sent) {
    packet::Headers h;
    ASSERT_EQ(packet::parse(segment.bytes, segment.bytes.size(), h), packet::Parse::ok);
    EXPECT_EQ(h.vlan(), 5);
    EXPECT_EQ(transport_sum(segment.bytes, h), 0);
  }
}

TEST(Offload, ChecksumsAreCompletedForOthers) {
  Bytes frame = large_tcp(100);
  packet::Headers h;
  ASSERT_EQ(packet::parse(frame, frame.size(), h), packet::Parse::ok);
  // As a guest leaves it: the sum of the pseudo header stands where the checksum goes.
  packet::Checksum pseudo = packet::pseudo_header(h.from, h.to, h.protocol, 120);
  packet::store16(&frame[h.transport_offset + 16], static_cast<uint16_t>(~pseudo.value()));
  Offload offload;
  offload.needs_checksum = true;
  offload.checksum_start = h.transport_offset;
  offload.checksum_offset = 16;
  World able(plain_config(), 64, all_abilities), unable(plain_config(), 64, nothing);
  const auto left = pass(able, frame, offload);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].bytes, frame);
  EXPECT_TRUE(left[0].offload.needs_checksum);
  const auto done = pass(unable, frame, offload);
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(transport_sum(done[0].bytes, h), 0);
  EXPECT_FALSE(done[0].offload.needs_checksum);
}

TEST(Offload, LiesAreRefusedAtTheDoor) {
  World world(plain_config(), 256, all_abilities);
  const auto refuses = [&](const Bytes& frame, const Offload& offload) {
    const uint64_t before = world.drops(1, Drop::bad_offload);
    EXPECT_TRUE(pass(world, frame, offload).empty());
    EXPECT_EQ(world.drops(1, Drop::bad_offload), before + 1);
  };
  refuses(large_tcp(5000), large(Offload::tcp6));
  refuses(large_tcp(5000), large(Offload::udp_l4));
  refuses(large_tcp(5000), large(Offload::udp));
  refuses(large_tcp(5000), large(Offload::tcp4, 0));
  refuses(large_tcp(5000), large(Offload::tcp4, 1));  // 5000 frames of a byte
  refuses(ethernet(mac(2), mac(1)), large(Offload::tcp4));
  Offload outside;
  outside.needs_checksum = true;
  outside.checksum_start = 2000;
  refuses(ethernet(mac(2), mac(1)), outside);
  outside.checksum_start = 0;
  outside.checksum_offset = 6;  // would rewrite the source address
  refuses(ethernet(mac(2), mac(1)), outside);
}

TEST(Offload, AnEmptyPoolCutsNothing) {
  World world(plain_config(), 30, nothing);
  EXPECT_TRUE(pass(world, large_tcp(40'000), large(Offload::tcp4)).empty());
  EXPECT_EQ(world.drops(1, Drop::no_frames), 1U);
}

}  // namespace
}  // namespace bridle::net::testing
