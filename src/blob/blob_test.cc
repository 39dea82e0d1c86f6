#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "blob/index.h"
#include "blob/part_store.h"

namespace bridle::blob {
namespace {

using std::chrono::seconds;

const std::string digest_a(64, 'a');

Tick at(int64_t s) { return Tick{s * 1000000000}; }

Uuid boot(uint8_t n) {
  Uuid id;
  id.bytes[0] = n;
  return id;
}

TEST(Index, CollectsAfterTheGrace) {
  Index index(seconds(10));
  index.set_references("image/lab/a", {"p1", "p2", ""}, at(0));
  index.set_references("volume/lab/v", {"p2"}, at(0));
  EXPECT_EQ(index.references("p2"), 2u);
  index.set_references("image/lab/a", {"p3"}, at(5));
  EXPECT_EQ(index.references("p1"), 0u);
  EXPECT_TRUE(index.collectable(at(14)).empty());
  EXPECT_EQ(index.collectable(at(15)), std::vector<std::string>{"p1"});
  index.set_references("volume/lab/v", {}, at(20));
  EXPECT_EQ(index.collectable(at(30)), (std::vector<std::string>{"p1", "p2"}));
}

TEST(Index, AReferenceEndsTheGrace) {
  Index index(seconds(10));
  index.found("p1", at(0));
  index.set_references("image/lab/a", {"p1"}, at(9));
  EXPECT_TRUE(index.collectable(at(100)).empty());
  index.found("p1", at(100));  // still referred to
  EXPECT_TRUE(index.collectable(at(200)).empty());
  index.set_references("image/lab/a", {}, at(200));
  EXPECT_TRUE(index.collectable(at(209)).empty());
  EXPECT_EQ(index.collectable(at(210)).size(), 1u);
  index.removed("p1");
  EXPECT_TRUE(index.collectable(at(210)).empty());
}

TEST(Records, SurviveTheirText) {
  Records records;
  records.remember(digest_a, {boot(1), {2, 3, 4, -5}});
  const auto again = Records::decode(records.encode());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->trusted(digest_a, boot(1), {2, 3, 4, -5}));
}

TEST(Records, AnyDifferenceEndsTheTrust) {
  Records records;
  records.remember(digest_a, {boot(1), {2, 3, 4, 5}});
  EXPECT_TRUE(records.trusted(digest_a, boot(1), {2, 3, 4, 5}));
  EXPECT_FALSE(records.trusted(digest_a, boot(2), {2, 3, 4, 5}));
  EXPECT_FALSE(records.trusted(digest_a, boot(1), {9, 3, 4, 5}));
  EXPECT_FALSE(records.trusted(digest_a, boot(1), {2, 9, 4, 5}));
  EXPECT_FALSE(records.trusted(digest_a, boot(1), {2, 3, 9, 5}));
  EXPECT_FALSE(records.trusted(digest_a, boot(1), {2, 3, 4, 9}));
  EXPECT_FALSE(records.trusted(std::string(64, 'b'), boot(1), {2, 3, 4, 5}));
}

TEST(Records, RefuseMalformedText) {
  const std::string id = boot(1).text();
  for (const std::string& line :
       {std::string("x"), digest_a + " " + id + " 1 2 3", digest_a + " " + id + " 1 2 3 4 5",
        digest_a + " nope 1 2 3 4", "../etc/passwd " + id + " 1 2 3 4",
        digest_a + " " + id + " -1 2 3 4"})
    EXPECT_FALSE(Records::decode("bridle-parts 1\n" + line + "\n").ok()) << line;
  EXPECT_FALSE(Records::decode("").ok());
  EXPECT_TRUE(Records::decode("bridle-parts 1\n").ok());
}

class PartStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bt-blob-XXXXXX";
    folder_ = ::mkdtemp(name);
    digest_ = hex(sha256(bytes_));
    put(bytes_);
    ::usleep(60000);  // younger files are not remembered
  }
  void TearDown() override { EXPECT_TRUE(remove_tree(folder_).ok()); }

  void put(const std::string& bytes) {
    const auto fd = open_file(path(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT_TRUE(fd.ok());
    ASSERT_TRUE(write_all(fd->get(), bytes).ok());
  }
  std::string path() const { return folder_ + "/" + digest_; }
  PartStore store(uint8_t boot_number = 1) {
    return PartStore(folder_, folder_ + "/record", boot(boot_number));
  }

  std::string folder_, digest_;
  const std::string bytes_ = std::string(100000, 'x') + "part";
};

TEST_F(PartStoreTest, DigestsOnceABoot) {
  {
    auto parts = store();
    const auto first = parts.open(digest_, "lab/tiny");
    ASSERT_TRUE(first.ok());
    EXPECT_TRUE(first->digested);
    EXPECT_EQ(first->size, bytes_.size());
    EXPECT_FALSE(parts.open(digest_, "lab/tiny")->digested);
  }
  EXPECT_FALSE(store().open(digest_, "lab/tiny")->digested);  // the record survived
  EXPECT_TRUE(store(2).open(digest_, "lab/tiny")->digested);  // the host booted
}

TEST_F(PartStoreTest, FindsTamperingThoughSizeAndMtimeAreRestored) {
  auto parts = store();
  ASSERT_TRUE(parts.open(digest_, "lab/tiny").ok());
  struct stat before = {};
  ASSERT_EQ(::stat(path().c_str(), &before), 0);
  std::string other = bytes_;
  other[5] = 'y';
  put(other);
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, path().c_str(), times, 0), 0);
  const auto opened = parts.open(digest_, "lab/tiny");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::corrupt);
  EXPECT_EQ(
      opened.error().message(),
      "image part " + digest_.substr(0, 12) +
          "… of lab/tiny was changed on disk: its digest differs; rebuild with: bridle image build "
          "tiny");
  put(bytes_);  // restored
  EXPECT_TRUE(parts.open(digest_, "lab/tiny")->digested);
}

TEST_F(PartStoreTest, TheDescriptorOutlivesAReplacement) {
  auto parts = store();
  auto opened = parts.open(digest_, "lab/tiny");
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(write_file_durably(path(), "evil").ok());
  EXPECT_EQ(*read_all(opened->fd.get(), 1 << 20), bytes_);
  EXPECT_EQ(parts.open(digest_, "lab/tiny").error().code(), Code::corrupt);
}

TEST_F(PartStoreTest, RefusesLinksAndOtherNames) {
  auto parts = store();
  ASSERT_EQ(::rename(path().c_str(), (folder_ + "/moved").c_str()), 0);
  EXPECT_EQ(parts.open(digest_, "lab/tiny").error().code(), Code::not_found);
  ASSERT_EQ(::symlink("moved", path().c_str()), 0);
  EXPECT_FALSE(parts.open(digest_, "lab/tiny").ok());
  EXPECT_EQ(parts.open("../record", "lab/tiny").error().code(), Code::invalid);
}

TEST_F(PartStoreTest, AFileThatChangedJustNowIsNotRemembered) {
  put(bytes_);
  auto parts = store();
  EXPECT_TRUE(parts.open(digest_, "lab/tiny")->digested);
  EXPECT_TRUE(parts.open(digest_, "lab/tiny")->digested);
}

TEST_F(PartStoreTest, ABrokenRecordOnlyCostsTime) {
  ASSERT_TRUE(write_file_durably(folder_ + "/record", "garbage").ok());
  EXPECT_TRUE(store().open(digest_, "lab/tiny")->digested);
  EXPECT_FALSE(store().open(digest_, "lab/tiny")->digested);
}

TEST(PartStoreHost, KnowsTheHostsBoot) { EXPECT_TRUE(PartStore::host_boot_id().ok()); }

}  // namespace
}  // namespace bridle::blob
