// The ledger on a disk that breaks (base/testing/faulty_folder.h): the power is lost after every
// write, sync and change of a name, with any part of what was not synced; the disk is full; a sync
// fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/testing/faulty_folder.h"
#include "ledger/ledger_file.h"
#include "ledger/verifier.h"

namespace bridle::ledger {
namespace {

using bridle::testing::FaultyFolder;
using Fault = FaultyFolder::Fault;

constexpr WallTime now{1'767'323'045'000'000'000};
constexpr unsigned kinds = 8;

Entry intent(size_t number) {
  Entry entry;
  entry.phase = Phase::intent;
  entry.at = now;
  entry.actor = "uid:0";
  entry.verb = "machine.start";
  entry.object = "/machine/lab/web";
  entry.detail = std::string(number % 3 == 0 ? 1500 : 20, 'd');
  return entry;
}

Entry outcome(uint64_t of) {
  Entry entry = intent(1);
  entry.phase = Phase::outcome;
  entry.of = of;
  entry.code = "ok";
  return entry;
}

FaultyFolder::Keep keep(unsigned kind, Random& random) {
  return [kind, &random](size_t i, size_t n) {
    if (kind == 0) return false;
    if (kind == 1) return true;
    if (kind == 2) return i % 2 == 0;
    if (kind == 3) return i >= n / 2;
    if (kind == 4) return i < n / 2;
    return random.below(2) == 0;
  };
}

// What a ledger said, and when: at note N of the folder this many entries were acknowledged
// durable.
struct Said {
  size_t notes;
  uint64_t durable;
};

class LedgerFaults : public ::testing::Test {
 protected:
  std::string where() const { return disk_.path() + "/ledger"; }

  // Three lives of a ledger, with a burst of entries a sync, as bridled writes them.
  void write() {
    for (int life = 0; life < 3; ++life) {
      auto ledger = LedgerFile::open(where(), random_, now);
      ASSERT_TRUE(ledger.ok()) << ledger.error().message();
      said_.push_back({disk_.notes(), (*ledger)->synced_head().seq});
      for (size_t i = 0; i < 4; ++i) {
        const auto opened = (*ledger)->append(intent(i));
        ASSERT_TRUE(opened.ok());
        if (i % 2 == 0) {
          ASSERT_TRUE((*ledger)->append(outcome(*opened)).ok());
        }
        ASSERT_TRUE((*ledger)->sync().ok());
        said_.push_back({disk_.notes(), (*ledger)->synced_head().seq});
      }
    }
    lines_ = *read_file(where() + "/ledger.log");
  }

  uint64_t durable_at(size_t notes) const {
    uint64_t durable = 0;
    for (const Said& said : said_)
      if (said.notes <= notes) durable = said.durable;
    return durable;
  }

  static uint64_t count(const std::string& lines) {
    return static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
  }

  void check(const std::string& folder, size_t notes, const std::string& what) {
    auto opened = LedgerFile::open(folder + "/ledger", random_, now);
    ASSERT_TRUE(opened.ok()) << what << ": " << opened.error().message();
    const std::string found = *read_file(folder + "/ledger/ledger.log");
    const uint64_t durable = durable_at(notes);
    std::string kept;
    for (uint64_t line = 0, at = 0; line < durable; ++line) {
      const size_t end = lines_.find('\n', at) + 1;
      kept += lines_.substr(at, end - at);
      at = end;
    }
    ASSERT_EQ(found.substr(0, kept.size()), kept) << what << ": an acknowledged entry is gone";
    ASSERT_TRUE((*opened)->append(intent(1)).ok()) << what;
    ASSERT_TRUE((*opened)->sync().ok()) << what;
    auto key = PublicKey::from_pem(*read_file(folder + "/ledger/ledger.pub"));
    ASSERT_TRUE(key.ok()) << what;
    Verifier verifier(*std::move(key), Signatures::every);
    ASSERT_TRUE(verifier.feed(*read_file(folder + "/ledger/ledger.log")).ok()) << what;
    ASSERT_TRUE(verifier.finish().ok()) << what;
  }

  FaultyFolder disk_;
  SeededRandom random_{1};
  std::vector<Said> said_;
  std::string lines_;
};

TEST_F(LedgerFaults, PowerLostAfterEveryStep) {
  write();
  if (HasFatalFailure()) return;
  size_t crashes = 0;
  for (size_t notes = 0; notes <= disk_.notes(); ++notes) {
    for (unsigned kind = 0; kind < kinds; ++kind) {
      SeededRandom random(notes * kinds + kind);
      char name[] = "/tmp/bt-after-XXXXXX";
      const std::string after = ::mkdtemp(name);
      disk_.after_power_loss(notes, keep(kind, random), after);
      check(after, notes,
            std::to_string(notes) + " (" + disk_.note(notes) + "), kept " + std::to_string(kind));
      (void)remove_tree(after);
      if (HasFatalFailure()) return;
      ++crashes;
    }
  }
  std::printf("%zu steps, %zu crashes, none lost\n", disk_.notes(), crashes);
}

TEST_F(LedgerFaults, AFullDiskAtEveryWrite) {
  auto ledger = LedgerFile::open(where(), random_, now);
  ASSERT_TRUE(ledger.ok());
  for (const Fault fault : {Fault::no_space, Fault::short_write}) {
    for (size_t i = 0; i < 6; ++i) {
      const uint64_t before = (*ledger)->head().seq;
      disk_.fail(fault, disk_.notes());
      const auto refused = (*ledger)->append(intent(i));
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.error().code(), Code::exhausted);
      EXPECT_TRUE(disk_.failed());
      disk_.heal();
      EXPECT_EQ((*ledger)->head().seq, before) << "it left something";
      EXPECT_FALSE((*ledger)->broken());
      ASSERT_TRUE((*ledger)->append(intent(i)).ok()) << "it lives on when there is room";
      ASSERT_TRUE((*ledger)->sync().ok());
    }
  }
  const uint64_t head = (*ledger)->head().seq;
  ledger->reset();
  ledger = LedgerFile::open(where(), random_, now);
  ASSERT_TRUE(ledger.ok());
  EXPECT_EQ((*ledger)->head().seq, head);
  EXPECT_EQ((*ledger)->cut_bytes(), 0U);
}

TEST_F(LedgerFaults, AfterAFailedSyncNothingIsAcknowledged) {
  auto ledger = LedgerFile::open(where(), random_, now);
  ASSERT_TRUE(ledger.ok());
  ASSERT_TRUE((*ledger)->append(intent(0)).ok());
  disk_.fail(Fault::sync_error, disk_.notes());
  EXPECT_FALSE((*ledger)->sync().ok());
  EXPECT_TRUE((*ledger)->broken());
  disk_.heal();
  EXPECT_FALSE((*ledger)->sync().ok()) << "a second sync would know nothing of what was dropped";
  EXPECT_FALSE((*ledger)->append(intent(1)).ok());
}

}  // namespace
}  // namespace bridle::ledger
