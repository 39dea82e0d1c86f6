#include "api/refusals.h"

#include <gtest/gtest.h>

#include "api/rate.h"

namespace bridle::api {
namespace {

constexpr int64_t second = 1'000'000'000;

Refusal one(const std::string& peer, int status = 401) {
  return {"stranger", peer, "GET /x", "r-1", status};
}

TEST(Refusals, TellTheFirstAndCountTheRest) {
  Refusals refusals;
  const auto first = refusals.add(one("a"), {0});
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].actor, "stranger");
  EXPECT_EQ(first[0].detail, "request r-1: GET /x: 401 from a");
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(refusals.add(one("a"), {second}).empty());
  EXPECT_EQ(refusals.add(one("a", 403), {second}).size(), 1u);
  EXPECT_TRUE(refusals.tick({59 * second}).empty());
  const auto told = refusals.tick({60 * second});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].detail, "1000 more refused calls in 60 s: 401 from a");
  EXPECT_TRUE(refusals.tick({400 * second}).empty());
  // After a quiet pause the next one is told at once again.
  EXPECT_EQ(refusals.add(one("a"), {500 * second}).size(), 1u);
}

// A day of a flood from ever new addresses: what is written stays below what the header says, and
// no refused call is forgotten.
TEST(Refusals, NoFloodFillsTheDisk) {
  Refusals refusals;
  size_t entries = 0, bytes = 0;
  const auto write = [&](const std::vector<Refusals::Told>& told) {
    entries += told.size();
    for (const auto& entry : told) bytes += entry.detail.size() + 200;
  };
  for (int64_t at = 0; at < 86'400; ++at) {
    for (int i = 0; i < 5; ++i)
      write(refusals.add(one("peer-" + std::to_string(at * 5 + i)), {at * second}));
    if (at % 5 == 0) write(refusals.tick({at * second}));
  }
  EXPECT_LT(entries, 9000u);
  EXPECT_LT(bytes, 4u << 20);
  EXPECT_GT(entries, 5000u);
}

TEST(Rates, GiveEachNameItsOwn) {
  Rates rates(10, 20);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(rates.allow("a", {0}));
  EXPECT_FALSE(rates.allow("a", {0}));
  EXPECT_TRUE(rates.allow("b", {0}));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(rates.allow("a", {second}));
  EXPECT_FALSE(rates.allow("a", {second}));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(rates.allow("a", {100 * second}));
  EXPECT_FALSE(rates.allow("a", {100 * second}));
}

TEST(Rates, RememberSoManyNamesAndNoMore) {
  Rates rates(1, 2);
  for (size_t i = 0; i < Rates::max_names; ++i) EXPECT_TRUE(rates.allow(std::to_string(i), {0}));
  EXPECT_FALSE(rates.allow("new", {0}));
  EXPECT_TRUE(rates.allow("new", {10 * second}));
  EXPECT_EQ(rates.names(), 1u);
}

}  // namespace
}  // namespace bridle::api
