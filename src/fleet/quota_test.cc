#include "fleet/quota.h"

#include <gtest/gtest.h>

namespace bridle::fleet {
namespace {

model::Quota quota() { return {2, 4, 1ull << 30, 10ull << 30, 1}; }

TEST(Quota, TakesWhatFitsExactly) {
  const model::ProjectUsage used{1, 2, 512 << 20, 0, 0};
  EXPECT_TRUE(check_quota("lab", quota(), used, {}, {1, 2, 512 << 20, 10ull << 30, 1}).ok());
  EXPECT_TRUE(check_quota("lab", {}, used, {}, {1ull << 60, 1ull << 60, ~0ull, ~0ull, 9}).ok());
}

TEST(Quota, SaysUsedLimitAndAsked) {
  const model::ProjectUsage used{2, 3, 512 << 20, 0, 0};
  const Status status = check_quota("lab", quota(), used, {}, {1, 2, 64 << 20, 0, 0});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::refused);
  EXPECT_EQ(status.error().message(),
            "the quota of project lab is too small: guests: 2 used, limit 2, 1 more asked; cpus: 3 "
            "used, limit 4, 2 more asked. Delete something, or ask an admin for more");
  const Status memory = check_quota("lab", quota(), used, {}, {0, 0, 1ull << 30, 0, 0});
  EXPECT_NE(memory.error().message().find("memory: 512MiB used, limit 1GiB, 1GiB more asked"),
            std::string::npos)
      << memory.error().message();
}

TEST(Quota, JudgesOnlyWhatGrows) {
  // The quota was lowered below what is used.
  const model::ProjectUsage used{5, 50, 8ull << 30, 0, 0};
  const model::ProjectUsage before{1, 4, 2ull << 30, 0, 0};
  EXPECT_TRUE(check_quota("lab", quota(), used, before, before).ok());
  EXPECT_TRUE(check_quota("lab", quota(), used, before, {1, 3, 1ull << 30, 0, 0}).ok());
  EXPECT_FALSE(check_quota("lab", quota(), used, before, {1, 5, 1ull << 30, 0, 0}).ok());
}

TEST(Quota, DoesNotOverflow) {
  model::Quota all = quota();
  all.memory = ~0ull;
  const model::ProjectUsage used{0, 0, ~0ull - 10, 0, 0};
  EXPECT_FALSE(check_quota("lab", all, used, {}, {0, 0, 11, 0, 0}).ok());
  EXPECT_TRUE(check_quota("lab", all, used, {}, {0, 0, 10, 0, 0}).ok());
}

}  // namespace
}  // namespace bridle::fleet
