// The store on a disk that breaks (faulty_vfs.h): at every step of a workload the power is lost,
// the disk is full, a write is cut short or a sync fails, and afterwards what was acknowledged is
// there, what was not has left no half, and the store works.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/file.h"
#include "base/random.h"
#include "store/faulty_vfs.h"
#include "store/sqlite_store.h"

namespace bridle::store {
namespace {

using testing::Fault;
using testing::FaultyDisk;

using State = std::map<std::string, std::string>;  // key -> value

// Commits as the daemon makes them, and what must be true of the store after a crash: it is in one
// of the states since the last durable one, entirely.
class Workload {
 public:
  explicit Workload(uint64_t seed) : random_(seed) {}

  // false: the store refused or broke off.
  bool commit_one(Store& store) {
    const size_t number = states_.size();
    State next = states_.back();
    std::vector<Write> writes = {put("/n", std::to_string(number), next)};
    for (size_t i = 0; i < 1 + random_.below(3); ++i)
      writes.push_back(put("/k/" + std::to_string(number) + "." + std::to_string(i),
                           std::string(random_.below(3) == 0 ? 9000 : 200, 'v'), next));
    if (const auto old = next.lower_bound("/k/");
        random_.below(3) == 0 && old != next.end() && old->first < "/k/" + std::to_string(number)) {
      writes.push_back({Write::Kind::remove, old->first});
      next.erase(old);
    }
    const bool full = random_.below(2) == 0;
    states_.push_back(next);
    const auto done = store.commit(writes, full ? Durability::full : Durability::lazy);
    if (!done.ok()) return false;
    given_ = *done;
    if (full) durable_ = number;
    acknowledged_ = number;
    return true;
  }

  // A commit that failed while the store lives on was not made.
  void forget_the_last() { states_.pop_back(); }
  // Everything acknowledged is durable (a clean end, a flush).
  void all_durable() { durable_ = acknowledged_; }
  Revision given() const { return given_; }

  // The number of the state that the store is in. `process`: only the process died, so that lazy
  // commits are there, too.
  std::optional<size_t> match(Store& store, bool process = false) {
    const auto listing = store.list("/");
    if (!listing.ok()) return std::nullopt;
    State seen;
    for (const Entry& entry : listing->entries) seen[entry.key] = entry.value;
    for (size_t i = process ? acknowledged_ : durable_; i < states_.size(); ++i)
      if (seen == states_[i]) return i;
    return std::nullopt;
  }

  // The store is in state i, and everything that was lost never was.
  void resume_at(size_t i) {
    states_.resize(i + 1);
    durable_ = acknowledged_ = i;
  }

 private:
  static Write put(const std::string& key, std::string value, State& state) {
    state[key] = value;
    return {Write::Kind::put, key, std::move(value)};
  }

  SeededRandom random_;
  std::vector<State> states_ = {State()};
  size_t durable_ = 0, acknowledged_ = 0;
  Revision given_ = 0;
};

constexpr int commits = 14;
// A log of 8 pages is brought into the database: several times in this workload.
const SqliteOptions options{.max_change_bytes = 40'000, .ceiling_step = 8, .checkpoint_pages = 8};

class StoreFaults : public ::testing::Test {
 protected:
  StoreFaults() {
    char name[] = "/tmp/bt-faults-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~StoreFaults() override { (void)remove_tree(folder_); }

  std::unique_ptr<Store> open() {
    auto store = open_sqlite_store(folder_ + "/store.db", options);
    problem_ = store.ok() ? "" : store.error().message();
    return store.ok() ? *std::move(store) : nullptr;
  }

  // Opens, commits and closes; ends early where the disk says so.
  void run(Workload& work) {
    const auto store = open();
    if (!store) return;
    for (int i = 0; i < commits; ++i)
      if (!work.commit_one(*store)) return;
  }

  size_t count_steps(uint64_t seed) {
    FaultyDisk disk;
    Workload work(seed);
    run(work);
    return disk.steps().size();
  }

  // After a loss of power: what was acknowledged is there, nothing is half, revisions are not
  // reused.
  void check_survivors(Workload& work, const std::string& where) {
    const auto store = open();
    ASSERT_NE(store, nullptr) << where << ": " << problem_;
    const auto state = work.match(*store);
    ASSERT_TRUE(state) << where << ": neither a state that was acknowledged nor the next";
    ASSERT_TRUE(store->revision() >= work.given()) << where << ": a revision would be given twice";
    work.resume_at(*state);
    ASSERT_TRUE(work.commit_one(*store)) << where << ": it does not work any more";
    ASSERT_TRUE(work.match(*store)) << where;
  }

  std::string folder_, problem_;
};

// How much of what was not synced survives: 0 nothing, 1 all, 2 every other sector, 3 the newest
// half, 4 the oldest half, then at random.
FaultyDisk::Keep keep(unsigned kind, Random& random) {
  return [kind, &random](size_t i, size_t n) {
    switch (kind) {
      case 0:
        return false;
      case 1:
        return true;
      case 2:
        return i % 2 == 0;
      case 3:
        return i >= n / 2;
      case 4:
        return i < n / 2;
      default:
        return random.below(2) == 0;
    }
  };
}
constexpr unsigned kinds = 8;

// BRIDLE_SOAK=1: each kind at each step; otherwise two, others at the next step.
std::vector<unsigned> kinds_at(size_t step) {
  const char* soak = ::getenv("BRIDLE_SOAK");
  if (soak == nullptr || std::string_view(soak) != "1")
    return {static_cast<unsigned>(2 * step % kinds), static_cast<unsigned>((2 * step + 1) % kinds)};
  return {0, 1, 2, 3, 4, 5, 6, 7};
}

TEST_F(StoreFaults, PowerLostAtEveryStep) {
  const size_t steps = count_steps(1);
  ASSERT_GT(steps, 100U);
  size_t crashes = 0;
  for (size_t at = 0; at < steps; ++at) {
    for (const unsigned kind : kinds_at(at)) {
      FaultyDisk disk;
      SeededRandom random(at * kinds + kind);
      Workload work(1);
      disk.plan(at, Fault::power);
      run(work);
      ASSERT_TRUE(disk.happened());
      disk.lose_power(keep(kind, random));
      check_survivors(work, "step " + std::to_string(at) + ", kept " + std::to_string(kind));
      if (HasFatalFailure()) return;
      ++crashes;
    }
  }
  std::printf("%zu steps, %zu crashes, none lost\n", steps, crashes);
}

// Power is lost again while the first loss is being recovered from.
TEST_F(StoreFaults, PowerLostDuringRecovery) {
  const size_t steps = count_steps(2);
  for (size_t at = 0; at < steps; at += 23) {
    for (size_t again = 0; again < 12; again += 2) {
      FaultyDisk disk;
      SeededRandom random(at + again);
      Workload work(2);
      disk.plan(at, Fault::power);
      run(work);
      disk.lose_power(keep(5, random));
      disk.plan(again, Fault::power);
      { const auto cut_off = open(); }
      disk.lose_power(keep(5, random));
      check_survivors(work, "step " + std::to_string(at) + ", then " + std::to_string(again));
      if (HasFatalFailure()) return;
    }
  }
}

// The disk is full for one write: the commit fails and has left nothing, the next ones work, and
// what is acknowledged then survives.
TEST_F(StoreFaults, FullAtEveryWrite) {
  const size_t steps = count_steps(3);
  for (size_t at = 0; at < steps; ++at) {
    for (const Fault fault : {Fault::no_space, Fault::short_write}) {
      FaultyDisk disk;
      SeededRandom random(at);
      Workload work(3);
      disk.plan(at, fault);
      const std::string where = "step " + std::to_string(at);
      auto store = open();
      for (int i = 0; i < commits; ++i) {
        if (!store) store = open();  // it could not even be made: again, now there is room
        ASSERT_NE(store, nullptr) << where << ": " << problem_;
        if (!work.commit_one(*store)) {
          work.forget_the_last();
          ASSERT_TRUE(work.match(*store, true)) << where << ": the failed one left something";
        }
      }
      disk.plan(disk.steps().size(), Fault::power);
      store.reset();
      disk.lose_power(keep(5, random));
      check_survivors(work, where);
      if (HasFatalFailure()) return;
    }
  }
}

// A sync that fails may have lost anything since the last one, and the next sync would not know: so
// nothing is acknowledged any more until the store is opened again, and that sees what is there.
TEST_F(StoreFaults, ASyncThatFailsIsNotForgotten) {
  const size_t steps = count_steps(4);
  size_t failures = 0;
  for (size_t at = 0; at < steps; ++at) {
    for (const unsigned kind : kinds_at(at)) {
      FaultyDisk disk;
      SeededRandom random(at * kinds + kind);
      Workload work(4);
      disk.plan(at, Fault::sync_error);
      disk.on_sync_error(keep(kind, random));
      const std::string where = "step " + std::to_string(at) + ", kept " + std::to_string(kind);
      run(work);
      if (!disk.happened()) break;  // that step is no sync
      ++failures;
      disk.restart();
      if (auto store = open()) {  // as the supervisor does; the kernel still shows what it showed
        const auto state = work.match(*store);
        ASSERT_TRUE(state) << where;
        work.resume_at(*state);
        for (int i = 0; i < 4; ++i) ASSERT_TRUE(work.commit_one(*store)) << where;
        disk.plan(disk.steps().size(), Fault::power);
      }
      disk.lose_power(keep(kind, random));
      check_survivors(work, where);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(failures, 40U);
}

TEST_F(StoreFaults, AfterAFailedSyncNothingIsAcknowledged) {
  FaultyDisk disk;
  SeededRandom random(1);
  auto store = open();
  ASSERT_TRUE(store->commit({{Write::Kind::put, "/a", "1"}}, Durability::full).ok());
  bool told = false;
  store->on_broken([&](const Error&) { told = true; });
  disk.on_sync_error(keep(0, random));
  // Which of a commit's steps is its sync is SQLite's business: the next one, until one fails.
  for (size_t next = 0; next < 20 && !disk.happened(); ++next) {
    disk.plan(disk.steps().size() + next, Fault::sync_error);
    (void)store->commit({{Write::Kind::put, "/b", "2"}}, Durability::full);
  }
  ASSERT_TRUE(disk.happened());
  EXPECT_TRUE(told);
  for (const Durability durability : {Durability::full, Durability::lazy}) {
    const auto refused = store->commit({{Write::Kind::put, "/c", "3"}}, durability);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message().find("sync"), std::string::npos)
        << refused.error().message();
  }
  EXPECT_FALSE(store->flush().ok());
  EXPECT_TRUE(store->get("/a").ok()) << "reading goes on";
}

}  // namespace
}  // namespace bridle::store
