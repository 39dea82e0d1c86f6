#include "switch/drivers/vhost_check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace bridle::net {
namespace {

enum Request : uint32_t {
  set_features = 2,
  set_mem_table = 5,
  set_vring_num = 8,
  set_vring_addr = 9,
  set_vring_base = 10,
  get_vring_base = 11,
  set_vring_kick = 12,
};

template <typename... Words>
std::vector<uint8_t> words64(Words... words) {
  const uint64_t all[] = {static_cast<uint64_t>(words)...};
  std::vector<uint8_t> bytes(sizeof all);
  std::memcpy(bytes.data(), all, sizeof all);
  return bytes;
}
std::vector<uint8_t> state(uint32_t index, uint32_t number) {
  return words64(uint64_t{number} << 32 | index);
}
std::vector<uint8_t> addresses(uint32_t index) { return words64(index, 0x1000, 0x2000, 0x3000, 0); }

struct Talk {
  VhostCheck check;
  std::string say(uint32_t request, const std::vector<uint8_t>& payload,
                  const std::vector<DescriptorFacts>& facts = {}) {
    const VhostHeader header{request, 1, static_cast<uint32_t>(payload.size())};
    const std::string why = check.header(header);
    return why.empty() ? check.message(header, payload, facts) : why;
  }
};

const DescriptorFacts memory{.memory = true, .sealed = true, .event = false, .size = 1 << 20};
const DescriptorFacts event{.memory = false, .sealed = false, .event = true, .size = 0};

TEST(VhostCheck, WhatQemuSaysPasses) {
  Talk talk;
  EXPECT_EQ(talk.say(1, {}), "");
  EXPECT_EQ(talk.say(set_features, words64(1 << 29)), "");
  EXPECT_EQ(talk.say(set_mem_table, words64(1, 0, 1 << 20, 0x7f0000000000, 0), {memory}), "");
  EXPECT_EQ(talk.say(set_vring_num, state(0, 256)), "");
  EXPECT_EQ(talk.say(set_vring_base, state(0, 0)), "");
  EXPECT_EQ(talk.say(set_vring_addr, addresses(0)), "");
  EXPECT_EQ(talk.say(set_vring_kick, words64(0), {event}), "");
  EXPECT_EQ(talk.say(get_vring_base, state(0, 0)), "");
  EXPECT_EQ(talk.say(set_vring_num, state(0, 512)), "");
  EXPECT_FALSE(talk.check.unsealed());
}

TEST(VhostCheck, AQueueDoesNotGrowUnderItsAddresses) {
  Talk talk;
  EXPECT_NE(talk.say(set_vring_addr, addresses(0)), "");  // no size yet
  EXPECT_EQ(talk.say(set_vring_num, state(0, 2)), "");
  EXPECT_EQ(talk.say(set_vring_addr, addresses(0)), "");
  EXPECT_EQ(talk.say(set_vring_num, state(0, 2)), "");
  EXPECT_NE(talk.say(set_vring_num, state(0, 32768)), "");
}

TEST(VhostCheck, FeaturesDoNotChangeUnderAddresses) {
  Talk talk;
  EXPECT_EQ(talk.say(set_features, words64(0)), "");
  EXPECT_EQ(talk.say(set_vring_num, state(1, 2)), "");
  EXPECT_EQ(talk.say(set_vring_addr, addresses(1)), "");
  EXPECT_EQ(talk.say(set_features, words64(uint64_t{1} << 26)), "");  // a migration's log
  EXPECT_NE(talk.say(set_features, words64(uint64_t{1} << 29)), "");
  EXPECT_NE(talk.say(set_features, words64(uint64_t{1} << 34)), "");
}

TEST(VhostCheck, MemoryTablesThatLie) {
  Talk talk;
  const auto table = [&](uint64_t guest, uint64_t size, uint64_t user, uint64_t offset) {
    return talk.say(set_mem_table, words64(1, guest, size, user, offset), {memory});
  };
  EXPECT_EQ(table(0, 1 << 20, 0, 0), "");
  EXPECT_NE(table(0, (1 << 20) + 1, 0, 0), "");          // beyond the file
  EXPECT_NE(table(0, 1 << 20, 0, 4096), "");             // the same, by its offset
  EXPECT_NE(table(0, 0, 0, 0), "");                      // nothing
  EXPECT_NE(table(UINT64_MAX - 10, 1 << 20, 0, 0), "");  // wraps round
  EXPECT_NE(table(0, 1 << 20, UINT64_MAX - 10, 0), "");
  EXPECT_NE(table(0, 1 << 20, 0, UINT64_MAX - 10), "");
  EXPECT_NE(talk.say(set_mem_table, words64(9), {}), "");
  EXPECT_NE(talk.say(set_mem_table, words64(1, 0, 4096, 0, 0), {}), "");
  EXPECT_NE(talk.say(set_mem_table, words64(1, 0, 4096, 0, 0), {event}), "");
  EXPECT_NE(talk.say(set_mem_table, words64(2, 0, 4096, 0, 0), {memory, memory}), "");
}

TEST(VhostCheck, MemoryThatCanShrinkIsTold) {
  Talk talk;
  DescriptorFacts loose = memory;
  loose.sealed = false;
  EXPECT_EQ(talk.say(set_mem_table, words64(1, 0, 4096, 0, 0), {loose}), "");
  EXPECT_TRUE(talk.check.unsealed());
}

TEST(VhostCheck, EventsAreEvents) {
  Talk talk;
  EXPECT_EQ(talk.say(set_vring_kick, words64(0x101)), "");  // none, on purpose
  EXPECT_NE(talk.say(set_vring_kick, words64(0x101), {event}), "");
  EXPECT_NE(talk.say(set_vring_kick, words64(0), {}), "");
  EXPECT_NE(talk.say(set_vring_kick, words64(0), {memory}), "");
  EXPECT_NE(talk.say(set_vring_kick, words64(0), {event, event}), "");
  EXPECT_NE(talk.say(set_vring_kick, words64(200), {event}), "");
}

TEST(VhostCheck, RequestsOfNoUse) {
  Talk talk;
  for (const uint32_t request : {0u, 4u, 7u, 21u, 22u, 24u, 28u, 31u, 32u, 39u, 41u, 1000u})
    EXPECT_NE(talk.say(request, {}), "") << request;
  EXPECT_NE(talk.say(set_vring_num, words64(0, 0)), "");  // too long
  EXPECT_NE(talk.say(set_vring_num, state(8, 2)), "");
  EXPECT_NE(talk.say(set_vring_num, state(0, 3)), "");
  EXPECT_NE(talk.say(set_vring_num, state(0, 65536)), "");
  EXPECT_NE(talk.check.header({1, 5, 0}), "");  // a reply
  EXPECT_NE(talk.check.header({set_mem_table, 1, 0xffffffff}), "");
}

}  // namespace
}  // namespace bridle::net
