#include "backup/backup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/archive.h"
#include "base/file.h"
#include "store/sqlite_store.h"

namespace bridle::backup {
namespace {

constexpr std::string_view secret = "correct horse";

struct Folder : ::testing::Test {
  Folder() {
    char name[] = "/tmp/bridle-backup-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() override { (void)remove_tree(path).ok(); }
  std::string file(const std::string& name) const { return path + "/" + name; }
  void put(const std::string& name, std::string_view text) const {
    const std::string whole = file(name);
    ASSERT_TRUE(make_folders(whole.substr(0, whole.rfind('/')), 0755).ok());
    ASSERT_TRUE(write_file_durably(whole, text).ok());
  }
  std::string path;
  SeededRandom random{7};
};

struct ArchiveTest : Folder {
  void write(const std::string& content) {
    const auto fd = open_file(file("a"), O_RDWR | O_CREAT | O_TRUNC);
    auto writer = Writer::create(fd->get(), secret, random);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->add({"state/x", Owner::daemon, 0640, content.size()}, content).ok());
    ASSERT_TRUE(writer->add({"state/empty", Owner::root, 0600, 0}, "").ok());
    ASSERT_TRUE(writer->finish().ok());
  }
  // Everything, or the first error.
  Result<std::string> read(std::string_view with = secret) {
    BRIDLE_TRY(const Fd fd, open_file(file("a"), O_RDONLY));
    BRIDLE_TRY(Reader reader, Reader::open(fd.get(), with));
    std::string all;
    while (true) {
      BRIDLE_TRY(const auto head, reader.next());
      if (!head) return all;
      all += head->path + ":";
      while (true) {
        BRIDLE_TRY(const std::string piece, reader.read(1000));
        if (piece.empty()) break;
        all += piece;
      }
      all += ";";
    }
  }
};

TEST_F(ArchiveTest, GivesBackWhatWentIn) {
  for (const size_t size : {0ul, 1ul, piece_size - 200, piece_size, 3 * piece_size + 17}) {
    const std::string content(size, 'q');
    write(content);
    const auto seen = read();
    ASSERT_TRUE(seen.ok()) << size << ": " << seen.error().message();
    EXPECT_EQ(*seen, "state/x:" + content + ";state/empty:;") << size;
  }
}

TEST_F(ArchiveTest, RefusesAnotherSecret) {
  write("content");
  EXPECT_EQ(read("wrong secret").error().code(), Code::corrupt);
  EXPECT_EQ(read("short").error().code(), Code::invalid);
}

TEST_F(ArchiveTest, NoticesEveryChangeAndEveryCut) {
  write(std::string(3000, 'z'));
  const std::string good = *read_file(file("a"));
  for (size_t at = 0; at < good.size(); at += 331) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    put("a", bad);
    EXPECT_FALSE(read().ok()) << "changed at " << at;
    put("a", good.substr(0, at));
    EXPECT_FALSE(read().ok()) << "cut at " << at;
  }
}

TEST_F(ArchiveTest, NeverShowsContentInClear) {
  write("a needle in clear text");
  EXPECT_EQ(read_file(file("a"))->find("needle"), std::string::npos);
}

TEST_F(ArchiveTest, RefusesANewerFormat) {
  write("x");
  std::string newer = *read_file(file("a"));
  newer[8] = 2;
  put("a", newer);
  const auto refused = read();
  EXPECT_EQ(refused.error().code(), Code::refused);
  EXPECT_TRUE(refused.error().message().starts_with("downgrade refused"));
}

TEST(EntryHeadTest, PathsStayInTheRoot) {
  for (const char* path : {"/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\nb"}) {
    const auto parsed = parse_head(encode(EntryHead{path, Owner::root, 0600, 1}));
    EXPECT_EQ(parsed.error().code(), Code::corrupt) << path;
  }
  const EntryHead good{"state/ledger/ledger.log", Owner::daemon, 0600, 12};
  const auto parsed = parse_head(encode(good) + "rest");
  ASSERT_TRUE(parsed.ok() && parsed->head);
  EXPECT_EQ(*parsed->head, good);
  EXPECT_EQ(parsed->used, encode(good).size());
}

// A root as a stopped bridled leaves it, backed up and restored elsewhere.
struct WholeRoot : Folder {
  void SetUp() override {
    Layout from = *Layout::of(path + "/from");
    put("from/state/ledger/key.pem", "private");
    put("from/state/ledger/ledger.log", "one\ntwo\nhalf a li");
    put("from/state/kvm.json", "{}");
    put("from/state/other/deep.json", "kept");
    put("from/images/manifests/tiny.json", "manifest");
    put("from/volumes/v.qcow2", "disk");
    put("from/tpm/some-machine/tpm2-00.permall", "sealed");
    put("from/tpm/some-machine/TMP2-00.permall", "half");
    put("from/tpm/some-machine/.lock", "");
    const auto store = store::open_sqlite_store(from.store_file());
    ASSERT_TRUE(store.ok());
    for (int i = 0; i < 3; ++i) {
      const std::string key = "/spec/x/p/n" + std::to_string(i);
      ASSERT_TRUE((*store)->commit({{.key = key, .value = "v"}}, store::Durability::full).ok());
    }
  }
  Result<Summary> make_one(Content content = {}) {
    return make(*Layout::of(path + "/from"), file("b"), secret, content, random, {});
  }
};

TEST_F(WholeRoot, IsTheSameElsewhere) {
  const auto made = make_one();
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_FALSE(read_file(file("from/state/snapshot.db")).ok());
  const Layout to = *Layout::of(path + "/to");
  const auto restored = restore(to, file("b"), secret);
  ASSERT_TRUE(restored.ok()) << restored.error().message();
  EXPECT_EQ(restored->entries, made->entries);
  EXPECT_EQ(*read_file(file("to/state/ledger/ledger.log")), "one\ntwo\n");
  EXPECT_EQ(*read_file(file("to/state/other/deep.json")), "kept");
  EXPECT_EQ(*read_file(file("to/images/manifests/tiny.json")), "manifest");
  EXPECT_FALSE(read_file(file("to/state/kvm.json")).ok());
  EXPECT_FALSE(read_file(file("to/volumes/v.qcow2")).ok());
  struct stat seen {};
  ASSERT_EQ(::stat(to.store_file().c_str(), &seen), 0);
  EXPECT_EQ(seen.st_uid, ::geteuid() == 0 ? to.daemon_uid() : ::geteuid());
  const auto store = store::open_sqlite_store(to.store_file());
  ASSERT_TRUE(store.ok()) << store.error().message();
  EXPECT_EQ((*store)->list("/spec/")->entries.size(), 3u);
  // Revisions that the first store may yet give out mean something there only.
  EXPECT_GT((*store)->revision(), 1u << 20);
  EXPECT_EQ((*store)->changes("/", 4, 0).error().code(), Code::gone);
}

TEST_F(WholeRoot, KeepsWhatTpmsKeepForNobodyButRoot) {
  ASSERT_TRUE(make_one().ok());
  ASSERT_TRUE(restore(*Layout::of(path + "/to"), file("b"), secret).ok());
  const std::string folder = file("to/tpm/some-machine");
  EXPECT_EQ(*read_file(folder + "/tpm2-00.permall"), "sealed");
  EXPECT_EQ(list_folder(folder)->size(), 1u) << "no lock, no draft";
  struct stat seen {};
  ASSERT_EQ(::stat(folder.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777u, 0700u);
  EXPECT_EQ(seen.st_uid, ::geteuid());
  ASSERT_EQ(::stat(file("to/tpm").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777u, 0711u);
  put("other/tpm/of-another/tpm2-00.permall", "not to be lost");
  EXPECT_EQ(restore(*Layout::of(path + "/other"), file("b"), secret).error().code(), Code::refused);
}

TEST_F(WholeRoot, TakesVolumesWhenAsked) {
  ASSERT_TRUE(make_one({.images = true, .volumes = true}).ok());
  ASSERT_TRUE(restore(*Layout::of(path + "/to"), file("b"), secret).ok());
  EXPECT_EQ(*read_file(file("to/volumes/v.qcow2")), "disk");
  put("from/run/g/some-guest/record", "");
  EXPECT_EQ(make_one({.volumes = true}).error().code(), Code::conflict);
}

TEST_F(WholeRoot, IsRestoredIntoAnEmptyRootOnly) {
  ASSERT_TRUE(make_one().ok());
  const auto again = restore(*Layout::of(path + "/from"), file("b"), secret);
  EXPECT_EQ(again.error().code(), Code::refused);
}

TEST_F(WholeRoot, LeavesNothingOfABrokenBackup) {
  ASSERT_TRUE(make_one().ok());
  const std::string good = *read_file(file("b"));
  put("b", good.substr(0, good.size() - 1));
  EXPECT_EQ(restore(*Layout::of(path + "/to"), file("b"), secret).error().code(), Code::corrupt);
  EXPECT_TRUE(list_folder(file("to"))->empty());
  EXPECT_EQ(verify(file("b"), secret).error().code(), Code::corrupt);
  put("b", good);
  EXPECT_TRUE(verify(file("b"), secret).ok());
}

// What a restore leaves that was killed between two folders: the same command begins anew.
TEST_F(WholeRoot, IsRestoredAgainAfterAKill) {
  ASSERT_TRUE(make_one().ok());
  put("to/restore.incomplete/images/manifests/half", "");
  put("to/state/store.db", "half");
  put("to/volumes/of-the-killed-one", "half");
  ASSERT_TRUE(restore(*Layout::of(path + "/to"), file("b"), secret).ok());
  EXPECT_NE(*read_file(file("to/state/store.db")), "half");
  EXPECT_EQ(::access(file("to/restore.incomplete").c_str(), F_OK), -1);
  EXPECT_EQ(::access(file("to/volumes/of-the-killed-one").c_str(), F_OK), -1);
}

}  // namespace
}  // namespace bridle::backup
