// The parts of the switch that stand alone: tables, buckets, live addresses, counters, frames.
#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "switch/announcements.h"
#include "switch/live_addresses.h"
#include "switch/publication.h"
#include "switch/table.h"
#include "switch/testing/world.h"
#include "switch/token_bucket.h"

namespace bridle::net::testing {
namespace {

TEST(FlatTable, FindsAllAndNothingElse) {
  SeededRandom random(1);
  for (const size_t size : {0U, 1U, 7U, 1000U, 20000U}) {
    std::vector<std::pair<uint64_t, uint64_t>> content;
    std::set<uint64_t> keys;
    while (content.size() < size)
      if (const uint64_t key = random.u64() >> 16; keys.insert(key).second)
        content.emplace_back(key, content.size());
    const FlatTable<uint64_t, uint64_t> table(content);
    EXPECT_EQ(table.size(), size);
    EXPECT_LE(table.longest_run(), 32U);
    for (const auto& [key, value] : content) {
      ASSERT_NE(table.find(key), nullptr);
      EXPECT_EQ(*table.find(key), value);
    }
    for (int i = 0; i < 1000; ++i) {
      const uint64_t key = random.u64() >> 16;
      EXPECT_EQ(table.find(key) != nullptr, keys.contains(key));
    }
  }
}

// Addresses that follow each other, as those of machines do, and the zero key.
TEST(FlatTable, KeysInARow) {
  std::vector<std::pair<uint64_t, int>> content;
  for (uint64_t i = 0; i < 5000; ++i) content.emplace_back(i << 40, static_cast<int>(i));
  const FlatTable<uint64_t, int> table(content);
  EXPECT_LE(table.longest_run(), 32U);
  EXPECT_EQ(*table.find(0), 0);
  EXPECT_EQ(*table.find(uint64_t{4999} << 40), 4999);
}

TEST(TokenBucket, IsExactOverTime) {
  const Rate rate{8'000'000, 10'000};  // 1 byte each microsecond
  TokenBucket bucket;
  Tick now{5};
  uint64_t passed = 0;
  const int64_t begin = now.ns;
  while (now.ns - begin < 1'000'000'000) {
    while (bucket.ready(rate, now)) bucket.spend(700), passed += 700;
    now.ns += 1'337;
  }
  EXPECT_GE(passed, 1'000'000U);
  EXPECT_LE(passed, 1'000'000U + 10'000U + 1400U);
}

TEST(TokenBucket, SaysWhenItMayGoOn) {
  const Rate rate{8'000, 1000};  // a byte each millisecond
  TokenBucket bucket;
  ASSERT_TRUE(bucket.ready(rate, {0}));
  bucket.spend(1500);
  ASSERT_FALSE(bucket.ready(rate, {0}));
  const Tick at = bucket.ready_at(rate);
  EXPECT_FALSE(bucket.ready(rate, {at.ns - 1'000'000}));
  EXPECT_TRUE(bucket.ready(rate, at));
}

TEST(TokenBucket, DefaultBurstIsTenMillisecondsOrOneFrame) {
  EXPECT_EQ(burst_of({1'000, 0}), largest_frame);
  EXPECT_EQ(burst_of({8'000'000'000, 0}), 10'000'000U);
  EXPECT_EQ(burst_of({8'000'000'000, 7}), 7U);
}

std::shared_ptr<const Snapshot> learners(uint32_t guests, uint32_t most) {
  auto config = plain_config(guests);
  for (Port& port : config.ports) port.learning.most = most;
  return *Snapshot::build(config);
}

TEST(LiveAddresses, StaysBoundedAndRightUnderChurn) {
  const auto snapshot = learners(3, 8);
  LiveAddresses live(*snapshot);
  SeededRandom random(3);
  int64_t second = 1000;
  for (int i = 0; i < 200'000; ++i) {
    const auto port = static_cast<PortIndex>(random.below(3));
    const uint64_t address = 0x1000 + random.below(64);
    second += i % 100 == 0 ? 200 : 0;
    const auto learned = live.learn(port, address, Tick{second * 1'000'000'000});
    const PortIndex holds = live.find(0, address);
    if (learned == LiveAddresses::Learned::yes) {
      ASSERT_EQ(holds, port);
    }
    if (learned == LiveAddresses::Learned::another) {
      ASSERT_NE(holds, port);
    }
    ASSERT_LE(live.count(port), 8U);
  }
  for (PortIndex port = 0; port < 3; ++port) {
    uint32_t held = 0;
    for (uint64_t address = 0x1000; address < 0x1040; ++address)
      held += live.find(0, address) == port ? 1 : 0;
    EXPECT_EQ(held, live.count(port));
  }
}

TEST(LiveAddresses, OutliveTheSnapshot) {
  const auto old = learners(3, 2);
  LiveAddresses before(*old);
  before.learn(0, 0x77, {});
  before.learn(1, mac(4).key(), {});
  before.learn(2, 0x99, {});
  // Port 1 is at another place, port 3 learns no more, and somebody got what port 2 had learned.
  auto config = plain_config(4);
  for (Port& port : config.ports) port.learning.most = 2;
  config.ports[2].learning.most = 0;
  std::swap(config.ports[0], config.ports[1]);
  const auto next = *Snapshot::build(config);
  LiveAddresses after(*next);
  after.inherit(before, *old);
  EXPECT_EQ(after.find(0, 0x77), 1);
  EXPECT_EQ(after.find(0, mac(4).key()), no_port);
  EXPECT_EQ(after.find(0, 0x99), no_port);
}

TEST(Conservation, SaysWhichBookIsOpen) {
  PortTotals port;
  EXPECT_TRUE(check_conservation(port).ok());
  port.received = 3;
  port.delivered = 1;
  port.consumed = 1;
  EXPECT_EQ(check_conservation(port).error().message(), "frames that came in here: 3 came, 2 went");
  port.dropped[0] = 1;
  EXPECT_TRUE(check_conservation(port).ok());
  port.queued = 2;
  EXPECT_EQ(check_conservation(port).error().message(), "frames for here: 2 came, 0 went");
}

TEST(Frame, CopiesAreWholeInAnyPool) {
  Bytes bytes(9000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  MemoryPool small(64, 1024), large(4, 16'384);
  Frame* chained = frame_of(bytes, small);
  ASSERT_NE(chained, nullptr);
  EXPECT_NE(chained->next, nullptr);
  chained->vlan = 5;
  chained->headers.arp_operation = 7;
  Frame* whole = copy(*chained, large);
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->next, nullptr);
  EXPECT_EQ(bytes_of(*whole), bytes);
  EXPECT_EQ(whole->vlan, 5);
  EXPECT_EQ(whole->headers.arp_operation, 7);
  release(chained);
  release(whole);
  EXPECT_EQ(small.free(), small.size());
  MemoryPool poor(3, 1024);
  EXPECT_EQ(frame_of(bytes, poor), nullptr);
  EXPECT_EQ(poor.free(), 3U);
}

TEST(Announcements, AreRarpAndArp) {
  const Announcement rarp{1, 10, mac(1), {}};
  const auto bytes = bytes_of(rarp);
  packet::Headers h;
  ASSERT_EQ(packet::parse(bytes, bytes.size(), h), packet::Parse::ok);
  EXPECT_TRUE(h.destination.is_broadcast());
  EXPECT_EQ(h.source, mac(1));
  EXPECT_EQ(h.ether_type, 0x8035);
  EXPECT_EQ(bytes[21], 3);
  Announcement arp = rarp;
  arp.address = ip(1);
  const auto other = bytes_of(arp);
  ASSERT_EQ(packet::parse(other, other.size(), h), packet::Parse::ok);
  EXPECT_EQ(h.network, packet::Network::arp);
  EXPECT_EQ(h.arp_operation, 1);
  EXPECT_EQ(h.arp_sender, mac(1));
  EXPECT_EQ(h.from, ip(1));
  EXPECT_EQ(h.to, ip(1));
}

struct Versioned {
  uint64_t number;
  uint64_t version() const { return number; }
};

TEST(Publication, KnowsWhatIsInUse) {
  Publication<Versioned> publication(2);
  EXPECT_EQ(publication.enter(0), nullptr);
  publication.leave(0);
  const Versioned one{1}, two{2};
  publication.publish(&one);
  EXPECT_EQ(publication.enter(0), &one);
  publication.publish(&two);
  EXPECT_EQ(publication.oldest_in_use(), 1U);
  EXPECT_TRUE(publication.is_new(1));
  EXPECT_EQ(publication.enter(1), &two);
  EXPECT_EQ(publication.oldest_in_use(), 1U);
  publication.leave(0);
  EXPECT_EQ(publication.oldest_in_use(), 2U);
}

}  // namespace
}  // namespace bridle::net::testing
