// Unit tests of the foundation: results, ids, units, files, hashes, clocks, layout.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/layout.h"
#include "base/random.h"
#include "base/result.h"
#include "base/units.h"

namespace bridle {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error(Code::invalid, "odd");
  return n / 2;
}

Result<int> quarter(int n) {
  BRIDLE_TRY(const int h, half(n));
  return half(h).context("second half");
}

TEST(Result, TryReturnsEarlyAndContextsNest) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(3).error().message(), "odd");
  EXPECT_EQ(quarter(6).error().message(), "second half: odd");
}

TEST(Result, ErrnoBecomesACode) {
  EXPECT_EQ(errno_error(ENOENT, "x").code(), Code::not_found);
  EXPECT_EQ(errno_error(ENOSPC, "x").code(), Code::exhausted);
  EXPECT_EQ(errno_error(ECONNREFUSED, "x").code(), Code::unreachable);
  EXPECT_EQ(errno_error(EINVAL, "x").message(), "x: Invalid argument");
}

TEST(Result, CodesHaveNamesAndBack) {
  for (const Code code : {Code::invalid, Code::gone, Code::internal, Code::exhausted})
    EXPECT_EQ(code_from_name(code_name(code)), code);
  EXPECT_FALSE(code_from_name("nonsense").has_value());
}

TEST(Uuid, TextRoundTripAndVersion) {
  SeededRandom random(1);
  const Uuid uuid = Uuid::random(random);
  const std::string text = uuid.text();
  EXPECT_EQ(text.size(), 36u);
  EXPECT_EQ(text[14], '4');
  EXPECT_EQ(*Uuid::parse(text), uuid);
}

TEST(Uuid, RefusesWhatIsNoUuid) {
  for (const char* bad :
       {"", "x", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-00000000000g",
        "000000000000-0000-0000-0000-00000000"})
    EXPECT_FALSE(Uuid::parse(bad).ok()) << bad;
}

TEST(Random, SameSeedSameSequence) {
  SeededRandom a(7), b(7), c(8);
  EXPECT_EQ(a.u64(), b.u64());
  EXPECT_NE(a.u64(), c.u64());
}

TEST(Random, BelowIsInRangeAndReachesAll) {
  SeededRandom random(3);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(10));
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(*seen.rbegin(), 9u);
}

TEST(Units, Bytes) {
  EXPECT_EQ(*parse_bytes("128MiB"), 128u << 20);
  EXPECT_EQ(*parse_bytes("1.5GiB"), 1536u << 20);
  EXPECT_EQ(*parse_bytes("10MB"), 10'000'000u);
  EXPECT_EQ(*parse_bytes("7"), 7u);
  for (const char* bad :
       {"", "-1", "1XB", "1e9", "GiB", "99999999999999TiB", "1..2", "0x10", "nan"})
    EXPECT_FALSE(parse_bytes(bad).ok()) << bad;
  EXPECT_EQ(format_bytes(128u << 20), "128MiB");
  EXPECT_EQ(format_bytes(1000), "1000B");
  EXPECT_EQ(format_bytes(0), "0B");
}

TEST(Units, CoresAndDurations) {
  EXPECT_EQ(*parse_cores("2"), 2000u);
  EXPECT_EQ(*parse_cores("0.25"), 250u);
  EXPECT_EQ(*parse_cores("250m"), 250u);
  EXPECT_EQ(format_cores(1500), "1500m");
  EXPECT_EQ(*parse_duration("1.5s"), std::chrono::milliseconds(1500));
  EXPECT_FALSE(parse_duration("5").ok());
  EXPECT_EQ(format_duration(std::chrono::seconds(3720)), "1h02m");
}

TEST(Clock, WallTimeText) {
  const WallTime t{1'767'323'045'678'000'000};
  EXPECT_EQ(t.text(), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(*WallTime::parse(t.text()), t);
  for (const char* bad :
       {"2026-01-02", "2026-02-29T00:00:00.000Z", "2026-13-01T00:00:00.000Z",
        "2026-01-02T24:00:00.000Z", "2026-01-02T00:60:00.000Z", "+026-01-02T00:00:00.000Z",
        "2026-01-02 00:00:00.000Z", "2026-01-02T00:00:00.000z"})
    EXPECT_FALSE(WallTime::parse(bad).ok()) << bad;
  EXPECT_EQ(WallTime::parse("2024-02-29T23:59:59.001Z")->text(), "2024-02-29T23:59:59.001Z");
  EXPECT_FALSE(WallTime::parse("9999-12-31T23:59:59.999Z").ok());
  EXPECT_FALSE(WallTime::parse("0001-01-01T00:00:00.000Z").ok());
  EXPECT_EQ((WallTime{-1'000'000}.text()), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(*WallTime::parse("1969-12-31T23:59:59.999Z"), WallTime{-1'000'000});
}

TEST(Hash, KnownAnswer) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Layout, DerivesEverythingFromTheRoot) {
  const auto a = Layout::of("/var/lib/bridle"), b = Layout::of("/tmp/other");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->api_socket(), "/var/lib/bridle/run/bridled.sock");
  EXPECT_NE(a->daemon_uid(), b->daemon_uid());
  EXPECT_NE(a->cgroup(), b->cgroup());
  EXPECT_LT(a->attendant_uid(Layout::max_slot), a->tpm_uid(1));
  EXPECT_LT(a->tpm_uid(Layout::max_slot), a->namespace_uid());
}

TEST(Layout, RefusesRootsThatDoNotFit) {
  for (const char* bad : {"", "/", "relative", "/a/../b", "/a//b", "/a/",
                          "/0123456789012345678901234567890123456789012345"})
    EXPECT_FALSE(Layout::of(bad).ok()) << bad;
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bridle-base-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { ASSERT_TRUE(remove_tree(folder_).ok()); }
  std::string folder_;
};

TEST_F(Files, DurableWriteReplacesWhole) {
  const std::string path = folder_ + "/f";
  ASSERT_TRUE(write_file_durably(path, "one").ok());
  ASSERT_TRUE(write_file_durably(path, "two").ok());
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(list_folder(folder_)->size(), 1u);
}

TEST_F(Files, ReadHasACapAndErrorsNameThePath) {
  const std::string path = folder_ + "/f";
  ASSERT_TRUE(write_file_durably(path, "12345").ok());
  EXPECT_EQ(read_file(path, 4).error().code(), Code::exhausted);
  const auto missing = read_file(folder_ + "/none");
  EXPECT_EQ(missing.error().code(), Code::not_found);
  EXPECT_NE(missing.error().message().find("/none"), std::string::npos);
}

TEST_F(Files, RemoveTreeDoesNotFollowLinks) {
  const std::string outside = folder_ + "/outside", inside = folder_ + "/inside";
  ASSERT_TRUE(make_folder(outside).ok() && make_folder(inside).ok());
  ASSERT_TRUE(write_file_durably(outside + "/keep", "x").ok());
  ASSERT_EQ(::symlink(outside.c_str(), (inside + "/link").c_str()), 0);
  ASSERT_TRUE(remove_tree(inside).ok());
  EXPECT_TRUE(read_file(outside + "/keep").ok());
}

TEST_F(Files, SealedMemfdCannotBeWritten) {
  const auto fd = sealed_memfd("test", "hello");
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(::write(fd->get(), "x", 1), -1);
  EXPECT_EQ(*read_all(fd->get(), 100), "hello");
  EXPECT_EQ(hex(*sha256_of_file(fd->get())), hex(sha256("hello")));
}

}  // namespace
}  // namespace bridle
