#include "store/memory_store.h"

#include <gtest/gtest.h>

namespace bridle::store {
namespace {

using namespace std::chrono_literals;

Write put(std::string key, std::string value) {
  return {Write::Kind::put, std::move(key), std::move(value)};
}

std::string value(Store& store, const std::string& key) {
  const auto entry = store.get(key);
  return entry.ok() && *entry ? (*entry)->value : "absent";
}

TEST(MemoryStore, ACrashTakesOnlyANewestPartOfLazyCommits) {
  std::vector<int> survived(11, 0);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SeededRandom random(seed);
    MemoryStore store;
    ASSERT_TRUE(store.commit({put("/full", "1"), put("/n", "0")}, Durability::full).ok());
    for (int i = 1; i <= 10; ++i)
      ASSERT_TRUE(store
                      .commit({put("/n", std::to_string(i)), put("/" + std::to_string(i), "")},
                              Durability::lazy)
                      .ok());
    EXPECT_EQ(store.at_risk(), 10U);
    store.crash(random);
    EXPECT_EQ(value(store, "/full"), "1");
    const int kept = std::stoi(value(store, "/n"));
    ++survived[static_cast<size_t>(kept)];
    for (int i = 1; i <= 10; ++i)
      EXPECT_EQ(value(store, "/" + std::to_string(i)), i <= kept ? "" : "absent");
    EXPECT_EQ(store.at_risk(), 0U);
  }
  for (const int count : survived) EXPECT_GT(count, 0) << "every outcome is possible";
}

TEST(MemoryStore, WhatWasFlushedStays) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    MemoryStore store;
    ASSERT_TRUE(store.commit({put("/a", "lazy")}, Durability::lazy).ok());
    ASSERT_TRUE(store.commit({put("/b", "full")}, Durability::full).ok());
    ASSERT_TRUE(store.commit({put("/c", "lazy")}, Durability::lazy).ok());
    ASSERT_TRUE(store.flush().ok());
    ASSERT_TRUE(store.commit({put("/d", "lazy")}, Durability::lazy).ok());
    ASSERT_TRUE(store.grant(1s, Tick{0}).ok());
    const Revision before = store.revision();
    store.crash(random);
    EXPECT_EQ(store.revision(), before) << "nothing was lost, so nothing is skipped";
    for (const auto* key : {"/a", "/b", "/c", "/d"}) EXPECT_NE(value(store, key), "absent");
  }
}

// A watcher saw revisions that a crash took back: their numbers are never used again.
TEST(MemoryStore, RevisionsNeverMeanTwoThings) {
  bool lost_some = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    MemoryStore store;
    for (int i = 0; i < 5; ++i)
      ASSERT_TRUE(store.commit({put("/n", std::to_string(i))}, Durability::lazy).ok());
    store.crash(random);
    const auto listing = store.list("/");
    const Revision kept = listing->entries.empty() ? 0 : listing->entries[0].modified;
    if (kept == 5) continue;
    lost_some = true;
    EXPECT_EQ(store.revision(), 6U);
    EXPECT_EQ(store.changes("/", 5, 0).error().code(), Code::gone) << "it saw what did not stay";
    EXPECT_TRUE(store.changes("/", kept, 0).ok());
    ASSERT_TRUE(store.commit({put("/n", "after")}, Durability::full).ok());
    EXPECT_EQ(store.changes("/", kept, 0)->size(), 1U);
    EXPECT_EQ(store.changes("/", 6, 0)->size(), 1U);
    EXPECT_EQ(store.changes("/", 5, 0).error().code(), Code::gone);
  }
  EXPECT_TRUE(lost_some);
}

TEST(MemoryStore, FailsAsTold) {
  MemoryStore store;
  store.fail_next(Code::exhausted);
  EXPECT_EQ(store.commit({put("/a", "1")}, Durability::full).error().code(), Code::exhausted);
  EXPECT_EQ(store.revision(), 0U);
  EXPECT_TRUE(store.commit({put("/a", "1")}, Durability::full).ok());
  store.lose_next_reply();
  EXPECT_EQ(store.commit({put("/a", "2")}, Durability::full).error().code(), Code::unreachable);
  EXPECT_EQ(value(store, "/a"), "2") << "done, though nobody was told";
}

TEST(MemoryStore, TheSameSeedCrashesTheSame) {
  const auto run = [](uint64_t seed) {
    SeededRandom random(seed);
    MemoryStore store;
    std::string trace;
    for (int i = 0; i < 100; ++i) {
      (void)store.commit({put("/n", std::to_string(i))}, Durability::lazy);
      if (random.below(10) == 0) store.crash(random);
      trace += std::to_string(store.revision()) + value(store, "/n") + ";";
    }
    return trace;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace bridle::store
