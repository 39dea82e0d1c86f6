// What every Store must do, run against each implementation. A new one joins factories() below.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/random.h"
#include "store/memory_store.h"
#include "store/sqlite_store.h"

namespace bridle::store {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// An implementation under test. Its bounds on history are 100 changes and 8 MiB.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual Store& store() = 0;
  // A clean stop and start of the process that has the store.
  virtual void reopen() = 0;
};

class MemorySubject final : public Subject {
 public:
  Store& store() override { return store_; }
  void reopen() override { store_.restart(); }

 private:
  MemoryStore store_{{.max_changes = 100, .max_change_bytes = 8 << 20}};
};

class SqliteSubject final : public Subject {
 public:
  SqliteSubject() {
    char name[] = "/tmp/bt-store-XXXXXX";
    folder_ = ::mkdtemp(name);
    reopen();
  }
  ~SqliteSubject() override {
    store_.reset();
    (void)remove_tree(folder_);
  }
  Store& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    auto opened =
        open_sqlite_store(folder_ + "/store.db", {.max_changes = 100, .max_change_bytes = 8 << 20});
    if (!opened) throw std::runtime_error(opened.error().message());
    store_ = *std::move(opened);
  }

 private:
  std::string folder_;
  std::unique_ptr<Store> store_;
};

struct Factory {
  const char* name;
  std::unique_ptr<Subject> (*make)();
};

const Factory factories[] = {
    {"Memory", []() -> std::unique_ptr<Subject> { return std::make_unique<MemorySubject>(); }},
    {"Sqlite", []() -> std::unique_ptr<Subject> { return std::make_unique<SqliteSubject>(); }},
};

Write put(std::string key, std::string value, std::optional<Revision> expected = std::nullopt,
          LeaseId lease = 0) {
  return {Write::Kind::put, std::move(key), std::move(value), expected, lease};
}
Write removal(std::string key, std::optional<Revision> expected = std::nullopt) {
  return {Write::Kind::remove, std::move(key), {}, expected};
}
Write check(std::string key, Revision expected) {
  return {Write::Kind::check, std::move(key), {}, expected};
}

class Conformance : public testing::TestWithParam<Factory> {
 protected:
  Conformance() : subject_(GetParam().make()) {}
  Store& store() { return subject_->store(); }
  void reopen() { subject_->reopen(); }

  Revision must_commit(const std::vector<Write>& writes, Durability how = Durability::full) {
    const auto done = store().commit(writes, how);
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message());
    return done.ok() ? *done : 0;
  }
  Error must_fail(const std::vector<Write>& writes) {
    const Revision before = store().revision();
    const auto done = store().commit(writes, Durability::full);
    EXPECT_FALSE(done.ok());
    EXPECT_EQ(store().revision(), before) << "a failed commit leaves no trace";
    return done.ok() ? Error(Code::internal, "") : done.error();
  }
  std::optional<std::string> value(const std::string& key) {
    const auto entry = store().get(key);
    EXPECT_TRUE(entry.ok());
    if (!entry.ok() || !*entry) return std::nullopt;
    return (*entry)->value;
  }
  std::vector<std::string> keys(const std::string& prefix) {
    const auto listing = store().list(prefix);
    EXPECT_TRUE(listing.ok());
    std::vector<std::string> out;
    for (const auto& entry : listing->entries) out.push_back(entry.key);
    return out;
  }
  std::vector<Change> changes(Revision since, const std::string& prefix = "/", size_t limit = 0) {
    const auto got = store().changes(prefix, since, limit);
    EXPECT_TRUE(got.ok()) << (got.ok() ? "" : got.error().message());
    return got.ok() ? *got : std::vector<Change>();
  }

  std::unique_ptr<Subject> subject_;
};

INSTANTIATE_TEST_SUITE_P(Stores, Conformance, testing::ValuesIn(factories),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

// ---- revisions and writes -----------------------------------------------------------------------

TEST_P(Conformance, BeginsEmptyAtRevisionZero) {
  EXPECT_EQ(store().revision(), 0U);
  EXPECT_EQ(store().oldest(), 0U);
  EXPECT_EQ(value("/a"), std::nullopt);
  EXPECT_TRUE(keys("").empty());
  EXPECT_TRUE(changes(0).empty());
}

TEST_P(Conformance, EveryCommitRaisesTheRevisionByOne) {
  EXPECT_EQ(must_commit({put("/a", "1"), put("/b", "1")}), 1U);
  EXPECT_EQ(must_commit({put("/a", "2")}, Durability::lazy), 2U);
  EXPECT_EQ(must_commit({removal("/nothing")}), 3U);
  EXPECT_EQ(must_commit({check("/a", 2)}), 4U);
  EXPECT_EQ(store().revision(), 4U);
  EXPECT_EQ(changes(2).size(), 0U) << "nothing changed in 3 and 4";
}

TEST_P(Conformance, EntriesRememberTheirRevisions) {
  must_commit({put("/a", "1")});
  must_commit({put("/b", "1")});
  must_commit({put("/a", "2")});
  EXPECT_EQ(**store().get("/a"), (Entry{"/a", "2", 1, 3, 0}));
  must_commit({removal("/a")});
  must_commit({put("/a", "3")});
  EXPECT_EQ(**store().get("/a"), (Entry{"/a", "3", 5, 5, 0})) << "it was absent in between";
}

TEST_P(Conformance, ValuesAreBytes) {
  const std::string bytes("\0\xff\n\"'", 5);
  must_commit({put("/a", bytes), put("/empty", "")});
  EXPECT_EQ(value("/a"), bytes);
  EXPECT_EQ(value("/empty"), "");
  const auto seen = changes(0);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].value, "") << "an empty value is not a removal";
}

TEST_P(Conformance, CompareAndPut) {
  must_commit({put("/a", "1", 0)});
  EXPECT_EQ(must_fail({put("/a", "x", 0)}).code(), Code::conflict);
  EXPECT_EQ(must_fail({put("/a", "x", 7)}).code(), Code::conflict);
  must_commit({put("/a", "2", 1)});
  EXPECT_EQ(must_fail({removal("/a", 1)}).code(), Code::conflict);
  must_commit({removal("/a", 2)});
  EXPECT_EQ(must_fail({removal("/a", 2)}).code(), Code::conflict);
  EXPECT_EQ(must_fail({check("/a", 2)}).code(), Code::conflict);
  must_commit({check("/a", 0), put("/b", "1", 0)});
}

TEST_P(Conformance, ConflictNamesKeyAndBothRevisions) {
  must_commit({put("/spec/machine/lab/web", "1")});
  const Error stale = must_fail({put("/spec/machine/lab/web", "2", 9)});
  EXPECT_THAT(stale.message(), HasSubstr("/spec/machine/lab/web"));
  EXPECT_THAT(stale.message(), HasSubstr("revision 9"));
  EXPECT_THAT(stale.message(), HasSubstr("revision 1"));
  EXPECT_THAT(must_fail({put("/x", "2", 9)}).message(), HasSubstr("absent"));
}

TEST_P(Conformance, AllWritesOrNone) {
  must_commit({put("/a", "1"), put("/b", "1")});
  EXPECT_EQ(must_fail({put("/a", "2"), removal("/b"), put("/c", "2"), check("/d", 9)}).code(),
            Code::conflict);
  EXPECT_EQ(value("/a"), "1");
  EXPECT_EQ(value("/b"), "1");
  EXPECT_EQ(value("/c"), std::nullopt);
  EXPECT_TRUE(changes(1).empty());
  EXPECT_EQ(must_commit({put("/c", "3")}), 2U) << "and the store lives on";
}

TEST_P(Conformance, RefusesMalformedTransactions) {
  EXPECT_EQ(must_fail({}).code(), Code::invalid);
  EXPECT_EQ(must_fail({put("/a", "1"), removal("/a")}).code(), Code::invalid);
  EXPECT_EQ(must_fail({put("a", "1")}).code(), Code::invalid);
  EXPECT_EQ(must_fail({put("", "1")}).code(), Code::invalid);
  EXPECT_EQ(must_fail({put("/a\xff", "1")}).code(), Code::invalid);
  EXPECT_EQ(must_fail({put(std::string("/a\0b", 4), "1")}).code(), Code::invalid);
  EXPECT_EQ(must_fail({put("/a\nb", "1")}).code(), Code::invalid);
  EXPECT_EQ(must_fail({{Write::Kind::check, "/a"}}).code(), Code::invalid);
  EXPECT_FALSE(store().get("a").ok());
}

TEST_P(Conformance, BoundsAreExact) {
  const std::string key = "/" + std::string(511, 'k');
  must_commit({put(key, std::string(1 << 20, 'v'))});
  EXPECT_EQ(value(key)->size(), size_t{1} << 20);
  EXPECT_EQ(must_fail({put(key + "k", "")}).code(), Code::exhausted);
  EXPECT_EQ(must_fail({put("/a", std::string((1 << 20) + 1, 'v'))}).code(), Code::exhausted);
  std::vector<Write> many;
  for (int i = 0; i < 1025; ++i) many.push_back(put("/m/" + std::to_string(i), ""));
  EXPECT_EQ(must_fail(many).code(), Code::exhausted);
  many.pop_back();
  must_commit(many);
}

// ---- listing ------------------------------------------------------------------------------------

TEST_P(Conformance, ListsByPrefixInByteOrder) {
  must_commit({put("/a/2", ""), put("/a/10", ""), put("/a", ""), put("/b", ""),
               put("/a/\xc3\xa9", ""), put("/a0", "")});
  EXPECT_EQ(keys("/a/"), (std::vector<std::string>{"/a/10", "/a/2", "/a/\xc3\xa9"}));
  EXPECT_EQ(keys("").size(), 6U);
  EXPECT_EQ(keys("/a"), (std::vector<std::string>{"/a", "/a/10", "/a/2", "/a/\xc3\xa9", "/a0"}));
  EXPECT_TRUE(keys("/c").empty());
  EXPECT_TRUE(keys("\xff").empty());
}

TEST_P(Conformance, PagesMeetWithoutGapOrOverlap) {
  std::vector<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    expected.push_back("/p/" + std::to_string(100 + i));
    must_commit({put(expected.back(), "")}, Durability::lazy);
  }
  std::vector<std::string> seen;
  std::string after;
  for (bool more = true; more;) {
    const auto page = store().list("/p/", after, 10);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->revision, 25U);
    for (const auto& entry : page->entries) seen.push_back(entry.key);
    more = page->more;
    EXPECT_EQ(page->entries.size(), more ? 10U : 5U);
    after = seen.back();
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(Conformance, AfterOutsideThePrefixIsHarmless) {
  must_commit({put("/b/1", ""), put("/b/2", "")});
  EXPECT_EQ(store().list("/b/", "/a", 0)->entries.size(), 2U);
  EXPECT_EQ(store().list("/b/", "/c", 0)->entries.size(), 0U);
  EXPECT_EQ(store().list("/b/", "/b/1", 0)->entries.size(), 1U);
  EXPECT_FALSE(store().list("/b/", "", 2)->more) << "exactly as many as the limit";
}

// Pages taken while others write, then the changes since the first page: exactly the last state.
TEST_P(Conformance, PagesAndChangesMakeOnePicture) {
  SeededRandom random(7);
  const auto key = [&] { return "/p/" + std::to_string(random.below(40)); };
  for (int i = 0; i < 30; ++i)
    must_commit({put(key(), "old" + std::to_string(i))}, Durability::lazy);
  std::map<std::string, std::string> picture;
  std::string after;
  std::optional<Revision> first;
  for (bool more = true; more;) {
    const auto page = store().list("/p/", after, 3);
    ASSERT_TRUE(page.ok());
    if (!first) first = page->revision;
    for (const auto& entry : page->entries) picture[entry.key] = entry.value;
    if (!page->entries.empty()) after = page->entries.back().key;
    more = page->more;
    must_commit({random.below(3) == 0 ? removal(key()) : put(key(), "new")}, Durability::lazy);
  }
  for (const auto& change : changes(*first, "/p/")) {
    if (change.value)
      picture[change.key] = *change.value;
    else
      picture.erase(change.key);
  }
  std::map<std::string, std::string> truth;
  const auto all = store().list("/p/");
  for (const auto& entry : all->entries) truth[entry.key] = entry.value;
  EXPECT_EQ(picture, truth);
}

// ---- changes ------------------------------------------------------------------------------------

TEST_P(Conformance, ChangesTellWhatHappenedInOrder) {
  must_commit({put("/b", "1"), put("/a", "1")});
  must_commit({removal("/b"), check("/a", 1)});
  const std::vector<Change> expected = {{1, "/b", "1"}, {1, "/a", "1"}, {2, "/b", std::nullopt}};
  EXPECT_EQ(changes(0), expected);
  EXPECT_EQ(changes(1), (std::vector<Change>{{2, "/b", std::nullopt}}));
  EXPECT_TRUE(changes(2).empty());
  EXPECT_EQ(changes(0, "/a"), (std::vector<Change>{{1, "/a", "1"}}));
}

TEST_P(Conformance, ChangesNeverSplitARevision) {
  must_commit({put("/a", "1")});
  must_commit({put("/b", "2"), put("/c", "2"), put("/d", "2")});
  must_commit({put("/e", "3")});
  EXPECT_EQ(changes(0, "/", 1).size(), 1U);
  EXPECT_EQ(changes(0, "/", 2).size(), 4U) << "the rest of revision 2 comes with it";
  EXPECT_EQ(changes(1, "/", 1).size(), 3U);
  EXPECT_EQ(changes(2, "/", 1).size(), 1U);
}

TEST_P(Conformance, CompactionForgetsAndSaysSo) {
  for (int i = 0; i < 10; ++i) must_commit({put("/a", std::to_string(i))}, Durability::lazy);
  ASSERT_TRUE(store().compact(4).ok());
  EXPECT_EQ(store().oldest(), 4U);
  EXPECT_EQ(changes(4).size(), 6U);
  const auto gone = store().changes("/", 3, 0);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), Code::gone);
  EXPECT_THAT(gone.error().message(), HasSubstr("oldest revision that can be asked for is 4"));
  ASSERT_TRUE(store().compact(2).ok()) << "older than what is forgotten: nothing to do";
  EXPECT_EQ(store().oldest(), 4U);
  EXPECT_EQ(store().compact(11).error().code(), Code::invalid);
  ASSERT_TRUE(store().compact(10).ok());
  EXPECT_TRUE(changes(10).empty());
  EXPECT_EQ(value("/a"), "9") << "history goes, state stays";
}

TEST_P(Conformance, TheFutureIsGoneToo) {
  must_commit({put("/a", "1")});
  EXPECT_EQ(store().changes("/", 2, 0).error().code(), Code::gone);
}

TEST_P(Conformance, HistoryIsBounded) {
  for (int i = 0; i < 250; ++i) must_commit({put("/a", std::to_string(i))}, Durability::lazy);
  EXPECT_GE(store().oldest(), 150U);
  EXPECT_LE(store().oldest(), 155U);
  EXPECT_EQ(changes(store().oldest()).size(), 250 - store().oldest());
  for (int i = 0; i < 12; ++i) must_commit({put("/big", std::string(1 << 20, 'x'))});
  EXPECT_GE(store().oldest(), 254U) << "8 MiB hold at most 8 of these";
}

TEST_P(Conformance, TheDoorbellRingsAfterEachCommit) {
  std::vector<Revision> rings;
  store().subscribe([&](Revision revision) { rings.push_back(revision); });
  must_commit({put("/a", "1")});
  must_commit({put("/a", "2")}, Durability::lazy);
  EXPECT_EQ(must_fail({put("/a", "3", 9)}).code(), Code::conflict);
  EXPECT_EQ(rings, (std::vector<Revision>{1, 2}));
}

// ---- leases -------------------------------------------------------------------------------------

TEST_P(Conformance, LeasedKeysVanishInOneCommit) {
  const auto lease = store().grant(10s, Tick{0});
  ASSERT_TRUE(lease.ok());
  EXPECT_NE(*lease, 0U);
  EXPECT_EQ(store().revision(), 0U) << "a lease alone is no commit";
  must_commit({put("/b", "1", {}, *lease), put("/a", "1", {}, *lease), put("/keep", "1")});
  EXPECT_EQ((*store().get("/a"))->lease, *lease);
  ASSERT_TRUE(store().expire(Tick{0} + 9999ms).ok());
  EXPECT_EQ(keys("/").size(), 3U);
  std::vector<Revision> rings;
  store().subscribe([&](Revision revision) { rings.push_back(revision); });
  ASSERT_TRUE(store().expire(Tick{0} + 10s).ok());
  EXPECT_EQ(keys("/"), std::vector<std::string>{"/keep"});
  EXPECT_EQ(rings, std::vector<Revision>{2});
  EXPECT_EQ(changes(1), (std::vector<Change>{{2, "/a", std::nullopt}, {2, "/b", std::nullopt}}));
  EXPECT_EQ(must_fail({put("/a", "1", {}, *lease)}).code(), Code::not_found);
}

TEST_P(Conformance, KeepAliveMovesTheDeadline) {
  const auto lease = store().grant(10s, Tick{0});
  must_commit({put("/a", "1", {}, *lease)});
  ASSERT_TRUE(store().keep_alive(*lease, Tick{0} + 9s).ok());
  ASSERT_TRUE(store().expire(Tick{0} + 18s).ok());
  EXPECT_EQ(value("/a"), "1");
  EXPECT_EQ(store().keep_alive(*lease, Tick{0} + 19s).error().code(), Code::not_found);
  EXPECT_EQ(store().keep_alive(99, Tick{0}).error().code(), Code::not_found);
}

TEST_P(Conformance, RevokeEndsALeaseAtOnce) {
  const auto one = store().grant(10s, Tick{0});
  const auto two = store().grant(10s, Tick{0});
  EXPECT_NE(*one, *two);
  must_commit({put("/a", "1", {}, *one), put("/b", "1", {}, *two)});
  ASSERT_TRUE(store().revoke(*one).ok());
  EXPECT_EQ(keys("/"), std::vector<std::string>{"/b"});
  EXPECT_EQ(store().revoke(*one).error().code(), Code::not_found);
  EXPECT_EQ(store().revoke(0).error().code(), Code::not_found);
}

TEST_P(Conformance, APutWithoutLeaseDetachesTheKey) {
  const auto lease = store().grant(10s, Tick{0});
  must_commit({put("/a", "1", {}, *lease)});
  must_commit({put("/a", "2")});
  ASSERT_TRUE(store().expire(Tick{0} + 11s).ok());
  EXPECT_EQ(value("/a"), "2");
}

TEST_P(Conformance, LeasesHaveBounds) {
  EXPECT_EQ(store().grant(0s, Tick{0}).error().code(), Code::invalid);
  EXPECT_EQ(store().grant(25h, Tick{0}).error().code(), Code::invalid);
  EXPECT_EQ(must_fail({put("/a", "1", {}, 5)}).code(), Code::not_found);
}

TEST_P(Conformance, AReopenedStoreGivesLeasesTheirWholeTimeAgain) {
  const auto lease = store().grant(10s, Tick{0});
  must_commit({put("/a", "1", {}, *lease)});
  reopen();
  ASSERT_TRUE(store().expire(Tick{1'000'000'000'000}).ok()) << "the tick of another boot";
  EXPECT_EQ(value("/a"), "1");
  ASSERT_TRUE(store().expire(Tick{1'000'000'000'000} + 10s).ok());
  EXPECT_EQ(value("/a"), std::nullopt);
  const auto next = store().grant(10s, Tick{0});
  EXPECT_NE(*next, *lease) << "ids are never used twice";
}

// ---- reopening ----------------------------------------------------------------------------------

TEST_P(Conformance, EverythingSurvivesACleanRestart) {
  must_commit({put("/a", "1"), put("/b", "1")});
  must_commit({removal("/b")}, Durability::lazy);
  must_commit({put("/a", "2")}, Durability::lazy);
  ASSERT_TRUE(store().compact(1).ok());
  reopen();
  EXPECT_EQ(store().revision(), 3U);
  EXPECT_EQ(store().oldest(), 1U);
  EXPECT_EQ(**store().get("/a"), (Entry{"/a", "2", 1, 3, 0}));
  EXPECT_EQ(keys("/"), std::vector<std::string>{"/a"});
  EXPECT_EQ(changes(1).size(), 2U);
  EXPECT_EQ(must_commit({put("/a", "3", 3)}), 4U);
}

TEST_P(Conformance, FlushKeepsTheRevision) {
  must_commit({put("/a", "1")}, Durability::lazy);
  ASSERT_TRUE(store().flush().ok());
  ASSERT_TRUE(store().flush().ok());
  EXPECT_EQ(store().revision(), 1U);
  EXPECT_EQ(value("/a"), "1");
}

// ---- all at once --------------------------------------------------------------------------------

// Random transactions against a plain model of what a store is.
TEST_P(Conformance, AgreesWithAModelOverRandomTransactions) {
  SeededRandom random(2026);
  std::map<std::string, Entry> model;
  for (int i = 0; i < 400; ++i) {
    std::map<std::string, Write> picked;
    for (uint64_t n = 1 + random.below(4); n > 0; --n) {
      Write write = put("/k/" + std::to_string(random.below(12)), std::to_string(i));
      write.kind = random.below(4) == 0 ? Write::Kind::remove : Write::Kind::put;
      const auto now = model.find(write.key);
      const Revision modified = now == model.end() ? 0 : now->second.modified;
      if (random.below(2) == 0) write.expected = random.below(8) == 0 ? modified + 1 : modified;
      picked[write.key] = write;
    }
    std::vector<Write> writes;
    bool fits = true;
    for (const auto& [key, write] : picked) {
      writes.push_back(write);
      const auto now = model.find(key);
      fits = fits && write.expected.value_or(now == model.end() ? 0 : now->second.modified) ==
                         (now == model.end() ? 0 : now->second.modified);
    }
    const Revision before = store().revision();
    const auto done = store().commit(writes, random.below(2) ? Durability::full : Durability::lazy);
    ASSERT_EQ(done.ok(), fits) << "transaction " << i;
    if (!fits) continue;
    ASSERT_EQ(*done, before + 1);
    for (const Write& write : writes) {
      const auto now = model.find(write.key);
      const Revision created = now == model.end() ? *done : now->second.created;
      if (write.kind == Write::Kind::remove)
        model.erase(write.key);
      else
        model[write.key] = {write.key, write.value, created, *done, 0};
    }
    if (i % 100 == 99) reopen();
    const auto listing = store().list("/k/");
    ASSERT_TRUE(listing.ok());
    ASSERT_EQ(listing->entries.size(), model.size());
    for (const auto& entry : listing->entries) ASSERT_EQ(entry, model[entry.key]);
  }
}

}  // namespace
}  // namespace bridle::store
