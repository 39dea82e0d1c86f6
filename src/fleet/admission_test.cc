#include "fleet/admission.h"

#include <gtest/gtest.h>

namespace bridle::fleet {
namespace {

constexpr uint64_t mib = 1 << 20;

HostFacts host() {
  HostFacts facts;
  facts.cpu_millicores = 2000;
  facts.memory_bytes = 1024 * mib;
  facts.memory_reserved = 256 * mib;
  facts.guest_overhead = 48 * mib;
  facts.slots = 3;
  return facts;
}

TEST(Admission, FitsUntilTheLastThousandth) {
  std::vector<Holding> held = {{"machine/lab/a", 1500, 0}};
  EXPECT_TRUE(admit({"machine/lab/b", 500, 0}, held, host()).ok());
  EXPECT_FALSE(admit({"machine/lab/b", 501, 0}, held, host()).ok());
}

TEST(Admission, RefusalNamesNumbersAndHolders) {
  std::vector<Holding> held = {
      {"machine/lab/a", 500, 0}, {"machine/lab/b", 1000, 0}, {"machine/lab/c", 0, mib}};
  Status refused = admit({"machine/lab/d", 750, 0}, held, host());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::refused);
  const std::string& message = refused.error().message();
  EXPECT_NE(message.find("needs "), std::string::npos);
  EXPECT_NE(message.find("machine/lab/b ("), std::string::npos);
  EXPECT_EQ(message.find("machine/lab/c"), std::string::npos);
  EXPECT_LT(message.find("machine/lab/b"), message.find("machine/lab/a"));
}

TEST(Admission, NamesNoHoldersOfOtherProjects) {
  const std::vector<Holding> held = {{"machine/secret/plans", 1250, 0}, {"machine/lab/a", 250, 0}};
  const std::string mine = admit({"machine/lab/d", 750, 0}, held, host()).error().message();
  EXPECT_NE(mine.find("machine/lab/a ("), std::string::npos) << mine;
  EXPECT_NE(mine.find("and other projects ("), std::string::npos) << mine;
  const std::string theirs = admit({"machine/web/d", 750, 0}, held, host()).error().message();
  EXPECT_EQ(theirs.find("secret"), std::string::npos) << theirs;
  EXPECT_EQ(theirs.find("lab"), std::string::npos) << theirs;
}

TEST(Admission, MemoryCountsOverheadAndWhatTheHostKeeps) {
  model::MachineSpec spec;
  spec.memory = 768 * mib;
  spec.memory_share.reservation = 720 * mib;
  EXPECT_TRUE(check_shape(spec, host()).ok());  // 720 + 48 of 1024 - 256
  spec.memory_share.reservation += 1;
  EXPECT_EQ(check_shape(spec, host()).error().code(), Code::refused);
}

TEST(Admission, ManySmallOverheadsFillAHost) {
  std::vector<Holding> held;
  model::MachineSpec spec;
  for (int i = 0; i < 16; ++i)
    held.push_back(holding_of("machine/lab/m" + std::to_string(i), spec, host()));
  EXPECT_FALSE(admit(holding_of("machine/lab/x", spec, host()), held, host()).ok());
  held.pop_back();
  EXPECT_TRUE(admit(holding_of("machine/lab/x", spec, host()), held, host()).ok());
}

TEST(Admission, Shape) {
  model::MachineSpec spec;
  spec.cpu = {500, 400, 1000};
  EXPECT_FALSE(check_shape(spec, host()).ok());
  spec.cpu = {500, 500, 1000};
  EXPECT_TRUE(check_shape(spec, host()).ok());
  spec.cpu = {1001, 0, 1000};  // of one virtual CPU
  EXPECT_FALSE(check_shape(spec, host()).ok());
  spec.cpu = {};
  spec.memory_share = {64 * mib, 32 * mib, 1000};
  EXPECT_FALSE(check_shape(spec, host()).ok());
  spec.memory_share = {spec.memory + 1, 0, 1000};
  EXPECT_FALSE(check_shape(spec, host()).ok());
}

TEST(Admission, Slots) {
  EXPECT_EQ(*free_slot({}, host()), 1U);
  EXPECT_EQ(*free_slot({1, 3}, host()), 2U);
  EXPECT_EQ(*free_slot({2, 3}, host()), 1U);
  EXPECT_EQ(free_slot({1, 2, 3}, host()).error().code(), Code::exhausted);
}

TEST(Admission, LimitsForTheJail) {
  model::MachineSpec spec;
  spec.cpu = {250, 1500, 3000};
  spec.memory_share = {64 * mib, 256 * mib, 1000};
  Limits limits = limits_of(spec);
  EXPECT_EQ(limits.cpu_shares, 3000U);
  EXPECT_EQ(limits.cpu_quota, 1500U);
  EXPECT_EQ(limits.cpu_reservation, 250U);
  EXPECT_EQ(limits.memory_limit, 384 * mib);  // QEMU's own comes on top
  EXPECT_EQ(limits.memory_reservation, 64 * mib);
  spec.memory_share.limit = 0;
  EXPECT_EQ(limits_of(spec).memory_limit, 0U);
}

}  // namespace
}  // namespace bridle::fleet
