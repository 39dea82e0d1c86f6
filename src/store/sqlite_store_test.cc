// What the conformance suite cannot ask: the file, its damage, its migrations, death of the process
// and of the host.
#include "store/sqlite_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "store/sqlite.h"

namespace bridle::store {
namespace {

using testing::HasSubstr;

class SqliteFile : public testing::Test {
 protected:
  SqliteFile() {
    char name[] = "/tmp/bt-store-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~SqliteFile() override { (void)remove_tree(folder_); }

  std::string file() const { return folder_ + "/store.db"; }
  std::unique_ptr<Store> open(const SqliteOptions& options = {}) {
    auto store = open_sqlite_store(file(), options);
    EXPECT_TRUE(store.ok()) << store.error().message();
    return store.ok() ? *std::move(store) : nullptr;
  }
  Error open_fails() {
    auto store = open_sqlite_store(file());
    EXPECT_FALSE(store.ok());
    return store.ok() ? Error(Code::internal, "") : store.error();
  }
  void sql(const std::string& text) {
    auto db = Database::open(file());
    ASSERT_TRUE(db.ok());
    const auto done = db->execute(text);
    ASSERT_TRUE(done.ok()) << done.error().message();
  }

  std::string folder_;
};

Write put(std::string key, std::string value, std::optional<Revision> expected = std::nullopt) {
  return {Write::Kind::put, std::move(key), std::move(value), expected};
}

std::string value(Store& store, const std::string& key) {
  const auto entry = store.get(key);
  return entry.ok() && *entry ? (*entry)->value : "absent";
}

// What the disk would hold if the host died now: the file and its log as they are.
void copy_as_after_power_loss(const std::string& from, const std::string& to) {
  for (const char* suffix : {"", "-wal"}) {
    const auto bytes = read_file(from + suffix, 1 << 28);
    if (bytes) {
      ASSERT_TRUE(write_file_durably(to + suffix, *bytes).ok());
    }
  }
}

TEST_F(SqliteFile, IsPrivateAndHasOneOwner) {
  const auto store = open();
  struct stat info {};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = open_sqlite_store(file());
    ::_exit(!second.ok() && second.error().code() == Code::conflict ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "a second process must be refused";
}

// ---- migration ----------------------------------------------------------------------------------

TEST_F(SqliteFile, MigratesVersionOne) {
  const auto golden = read_file(BRIDLE_SOURCE_DIR "/src/store/golden/v1.sql");
  ASSERT_TRUE(golden.ok());
  sql(*golden);
  const auto store = open();
  EXPECT_EQ(store->revision(), 3U);
  EXPECT_EQ(store->oldest(), 1U);
  EXPECT_EQ(**store->get("/spec/machine/lab/web"),
            (Entry{"/spec/machine/lab/web", "{\"vcpus\":2}", 1, 3, 0}));
  EXPECT_EQ(value(*store, "/spec/machine/lab/w\xc3\xbcst"), std::string("\0\xff\x10", 3));
  const auto changes = store->changes("/", 1, 0);
  ASSERT_TRUE(changes.ok());
  ASSERT_EQ(changes->size(), 3U);
  EXPECT_EQ((*changes)[1].value, std::nullopt);
  EXPECT_EQ(*store->commit({put("/spec/machine/lab/web", "x", 3)}, Durability::full), 4U);
  EXPECT_TRUE(store->grant(std::chrono::seconds(1), Tick{0}).ok());
}

TEST_F(SqliteFile, AMigrationThatFailsChangesNothing) {
  const auto golden = read_file(BRIDLE_SOURCE_DIR "/src/store/golden/v1.sql");
  sql(*golden + "CREATE TABLE gaps (in_the_way);");
  EXPECT_THAT(open_fails().message(), HasSubstr("migrating to schema 2"));
  sql("DROP TABLE gaps;");
  EXPECT_EQ(open()->revision(), 3U);
}

TEST_F(SqliteFile, RefusesANewerSchema) {
  open();
  sql("PRAGMA user_version = 3;");
  const Error error = open_fails();
  EXPECT_EQ(error.code(), Code::refused);
  EXPECT_THAT(error.message(), HasSubstr("schema 3, written by a newer Bridle"));
  EXPECT_THAT(error.message(), HasSubstr("downgrade refused"));
  EXPECT_THAT(error.message(), HasSubstr("install the newer one"));
}

TEST_F(SqliteFile, RefusesSomebodyElsesDatabase) {
  sql("CREATE TABLE bookmarks (url);");
  EXPECT_THAT(open_fails().message(), HasSubstr("not a Bridle store"));
}

// ---- damage -------------------------------------------------------------------------------------

TEST_F(SqliteFile, ADamagedFileIsCorruptAndSaysWhatToDo) {
  {
    const auto store = open();
    for (int i = 0; i < 200; ++i)
      ASSERT_TRUE(
          store->commit({put("/k/" + std::to_string(i), std::string(500, 'v'))}, Durability::lazy)
              .ok());
  }
  const auto fd = open_file(file(), O_RDWR);
  const std::string noise(3000, '\x5a');
  ASSERT_EQ(::pwrite(fd->get(), noise.data(), noise.size(), 5 * 4096), 3000);
  const Error error = open_fails();
  EXPECT_EQ(error.code(), Code::corrupt);
  EXPECT_THAT(error.message(), HasSubstr(file()));
  EXPECT_THAT(error.message(), HasSubstr("restore a backup"));
}

TEST_F(SqliteFile, AFileOfNoiseIsCorrupt) {
  ASSERT_TRUE(write_file_durably(file(), std::string(8192, 'n')).ok());
  EXPECT_EQ(open_fails().code(), Code::corrupt);
}

TEST_F(SqliteFile, AFlippedBitInAValueIsFoundWhenItIsRead) {
  ASSERT_TRUE(open()
                  ->commit({put("/good", "1"), put("/bad", "needle-in-the-file")}, Durability::full)
                  .ok());
  auto bytes = read_file(file());
  const size_t at = bytes->rfind("needle-in-the-file");
  ASSERT_NE(at, std::string::npos);
  for (size_t i = 0; (i = bytes->find("needle-in", i)) != std::string::npos; ++i) (*bytes)[i] ^= 1;
  ASSERT_TRUE(write_file_durably(file(), *bytes).ok());
  const auto store = open();
  EXPECT_EQ(value(*store, "/good"), "1");
  const auto bad = store->get("/bad");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), Code::corrupt);
  EXPECT_THAT(bad.error().message(), HasSubstr("/bad"));
  EXPECT_EQ(store->list("/").error().code(), Code::corrupt);
}

// ---- a full disk --------------------------------------------------------------------------------

TEST_F(SqliteFile, LivesOnWhenTheDiskIsFull) {
  const auto store = open({.max_change_bytes = 100'000, .max_pages = 300});
  int stored = 0;
  Code code = Code::internal;
  for (; stored < 1000; ++stored) {
    const auto done =
        store->commit({put("/k/" + std::to_string(1000 + stored), std::string(20'000, 'v')),
                       put("/count", std::to_string(stored))},
                      stored % 2 ? Durability::full : Durability::lazy);
    if (done.ok()) continue;
    code = done.error().code();
    break;
  }
  EXPECT_EQ(code, Code::exhausted);
  ASSERT_GT(stored, 10);
  EXPECT_EQ(value(*store, "/count"), std::to_string(stored - 1)) << "the failed one left no trace";
  EXPECT_EQ(store->revision(), static_cast<Revision>(stored));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(
        store->commit({{Write::Kind::remove, "/k/" + std::to_string(1000 + i)}}, Durability::full)
            .ok())
        << "room can be made";
  EXPECT_TRUE(store->commit({put("/after", std::string(20'000, 'v'))}, Durability::full).ok());
}

// ---- crashes ------------------------------------------------------------------------------------

// A child commits numbered keys and acknowledges each full one on a pipe, until it is killed.
[[noreturn]] void write_until_killed(const std::string& file, int pipe) {
  auto store = open_sqlite_store(file);
  if (!store) ::_exit(1);
  const auto last = (*store)->get("/n");
  uint64_t n = last.ok() && *last ? std::stoull((*last)->value) : 0;
  while (true) {
    ++n;
    const bool full = n % 4 == 0;
    const auto done = (*store)->commit(
        {put("/n", std::to_string(n)), put("/k/" + std::to_string(n % 50), std::to_string(n))},
        full ? Durability::full : Durability::lazy);
    if (!done) ::_exit(2);
    if (full && ::write(pipe, &n, sizeof n) != sizeof n) ::_exit(3);
  }
}

uint64_t last_acknowledged(int pipe) {
  uint64_t last = 0;
  uint64_t n = 0;
  while (::read(pipe, &n, sizeof n) == sizeof n) last = n;
  return last;
}

TEST_F(SqliteFile, AcknowledgedCommitsSurviveKill) {
  SeededRandom random(99);
  uint64_t acknowledged = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      write_until_killed(file(), ends[1]);
    }
    ::close(ends[1]);
    const Fd reader(ends[0]);
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + random.below(120)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself: " << status;
    acknowledged = std::max(acknowledged, last_acknowledged(reader.get()));
    const auto store = open();
    ASSERT_NE(store, nullptr);
    const std::string n = value(*store, "/n");
    if (acknowledged > 0) {
      ASSERT_GE(std::stoull(n), acknowledged) << "round " << round;
      EXPECT_EQ(value(*store, "/k/" + std::to_string(std::stoull(n) % 50)), n) << "torn commit";
    }
  }
  EXPECT_GT(acknowledged, 20U);
}

// The host dies: the file as it was after the last full commit, while lazy ones went on.
TEST_F(SqliteFile, LostLazyRevisionsAreNeverUsedAgain) {
  const std::string after = folder_ + "/after.db";
  {
    const auto store = open({.ceiling_step = 100});
    ASSERT_TRUE(store->commit({put("/a", "kept")}, Durability::full).ok());
    copy_as_after_power_loss(file(), after);
    for (int i = 0; i < 30; ++i)
      ASSERT_TRUE(store->commit({put("/a", "lost")}, Durability::lazy).ok());
    EXPECT_EQ(store->revision(), 31U);
  }
  auto opened = open_sqlite_store(after, {.ceiling_step = 100});
  ASSERT_TRUE(opened.ok());
  Store& store = **opened;
  EXPECT_EQ(value(store, "/a"), "kept");
  EXPECT_GT(store.revision(), 31U);
  EXPECT_TRUE(store.changes("/", 1, 0).ok()) << "who saw only what was kept goes on";
  const auto seen = store.changes("/", 20, 0);
  ASSERT_FALSE(seen.ok()) << "who saw what was lost must list again";
  EXPECT_EQ(seen.error().code(), Code::gone);
  EXPECT_EQ(store.commit({put("/a", "x", 31)}, Durability::full).error().code(), Code::conflict);
  EXPECT_TRUE(store.commit({put("/a", "x", 1)}, Durability::full).ok());
}

// Lazy revisions never reach the ceiling that is on disk.
TEST_F(SqliteFile, TheCeilingStaysAhead) {
  const auto store = open({.ceiling_step = 10});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(store->commit({put("/a", std::to_string(i))}, Durability::lazy).ok());
    const std::string copy = folder_ + "/copy.db";
    copy_as_after_power_loss(file(), copy);
    auto other = Database::open(copy);
    ASSERT_TRUE(other.ok());
    const auto ceiling = other->query_integer("SELECT value FROM meta WHERE name = 'ceiling'");
    ASSERT_TRUE(ceiling.ok());
    EXPECT_GT(static_cast<Revision>(*ceiling), store->revision());
  }
}

TEST_F(SqliteFile, AGapIsForgottenWithItsHistory) {
  const std::string after = folder_ + "/after.db";
  {
    const auto store = open({.ceiling_step = 100});
    ASSERT_TRUE(store->commit({put("/a", "kept")}, Durability::full).ok());
    copy_as_after_power_loss(file(), after);
  }
  auto store = *open_sqlite_store(after, {.ceiling_step = 100});
  const Revision resumed = store->revision();
  ASSERT_TRUE(store->compact(resumed).ok());
  store.reset();
  store = *open_sqlite_store(after, {.ceiling_step = 100});
  EXPECT_EQ(store->revision(), resumed) << "a clean end: no second jump";
  EXPECT_EQ(store->oldest(), resumed);
  EXPECT_TRUE(store->changes("/", resumed, 0).ok());
}

}  // namespace
}  // namespace bridle::store
