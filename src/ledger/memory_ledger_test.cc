#include "ledger/memory_ledger.h"

#include <gtest/gtest.h>

namespace bridle::ledger {
namespace {

constexpr WallTime now{1'767'323'045'000'000'000};

Entry intent() {
  Entry entry;
  entry.at = now;
  entry.phase = Phase::intent;
  entry.actor = "uid:0";
  entry.verb = "machine.start";
  return entry;
}

Entry outcome(uint64_t of) {
  Entry entry = intent();
  entry.phase = Phase::outcome;
  entry.of = of;
  entry.code = "ok";
  return entry;
}

TEST(MemoryLedger, BehavesAsALedger) {
  MemoryLedger ledger(now);
  EXPECT_EQ(*ledger.append(intent()), 2U);
  EXPECT_EQ(*ledger.append(intent()), 3U);
  EXPECT_EQ(ledger.synced_head().seq, 1U);
  ASSERT_TRUE(ledger.sync().ok());
  EXPECT_EQ(ledger.synced_head(), ledger.head());
  EXPECT_EQ(*ledger.append(outcome(2)), 4U);
  EXPECT_EQ(ledger.open_intents().size(), 1U);
  EXPECT_EQ(ledger.append(outcome(2)).error().code(), Code::invalid);
  EXPECT_EQ(ledger.read(2, 1)->front().record.seq, 3U);
  EXPECT_EQ(ledger.read(0, 99)->size(), 4U);
  EXPECT_TRUE(ledger.read(4, 99)->empty());
}

TEST(MemoryLedger, ACrashTakesOnlyWhatWasNotSynced) {
  int lost = 0;
  int torn = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SeededRandom random(seed);
    MemoryLedger ledger(now);
    ASSERT_TRUE(ledger.append(intent()).ok());
    ASSERT_TRUE(ledger.sync().ok());
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(ledger.append(intent()).ok());
    ledger.crash(random, now);
    ASSERT_GE(ledger.head().seq, 2U);
    EXPECT_EQ(ledger.open_intents().count(2), 1U);
    const auto last = ledger.read(ledger.head().seq - 1, 1)->front();
    torn += last.record.entry.verb == "ledger.recovered";
    lost += ledger.open_intents().size() < 5;
    EXPECT_EQ(ledger.synced_head(), ledger.head());
    ASSERT_TRUE(ledger.append(outcome(2)).ok()) << "and it lives on";
  }
  EXPECT_GT(lost, 100);
  EXPECT_GT(torn, 100);
}

TEST(MemoryLedger, ADeadProcessLosesNothing) {
  MemoryLedger ledger(now);
  ASSERT_TRUE(ledger.append(intent()).ok());
  ledger.restart();
  EXPECT_EQ(ledger.head().seq, 2U);
  EXPECT_EQ(ledger.open_intents().size(), 1U);
}

TEST(MemoryLedger, FailsAsTold) {
  MemoryLedger ledger(now);
  ledger.fail_next(Code::exhausted);
  EXPECT_EQ(ledger.append(intent()).error().code(), Code::exhausted);
  EXPECT_EQ(ledger.head().seq, 1U);
  EXPECT_EQ(*ledger.append(intent()), 2U);
  ledger.fail_next(Code::internal);
  EXPECT_FALSE(ledger.sync().ok());
  EXPECT_EQ(ledger.synced_head().seq, 1U);
}

TEST(MemoryLedger, TheSameSeedCrashesTheSame) {
  const auto run = [](uint64_t seed) {
    SeededRandom random(seed);
    MemoryLedger ledger(now);
    for (int i = 0; i < 30; ++i) {
      (void)ledger.append(intent());
      if (random.below(4) == 0) (void)ledger.sync();
      if (random.below(6) == 0) ledger.crash(random, now);
    }
    return ledger.bytes();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace bridle::ledger
