#include "ledger/ledger_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/verifier.h"

namespace bridle::ledger {
namespace {

using testing::HasSubstr;

constexpr WallTime now{1'767'323'045'000'000'000};

Entry note(const std::string& detail) {
  Entry entry;
  entry.at = now;
  entry.actor = "uid:0";
  entry.verb = "machine.pause";
  entry.object = "/machine/lab/web";
  entry.detail = detail;
  return entry;
}

Entry intent() {
  Entry entry = note("");
  entry.phase = Phase::intent;
  return entry;
}

Entry outcome(uint64_t of, const std::string& code) {
  Entry entry = note("");
  entry.phase = Phase::outcome;
  entry.of = of;
  entry.code = code;
  return entry;
}

class LedgerFolder : public testing::Test {
 protected:
  LedgerFolder() {
    char name[] = "/tmp/bt-ledger-XXXXXX";
    folder_ = ::mkdtemp(name);
    ledger_ = folder_ + "/ledger";
  }
  ~LedgerFolder() override { (void)remove_tree(folder_); }

  std::unique_ptr<LedgerFile> open() {
    auto ledger = LedgerFile::open(ledger_, random_, now);
    EXPECT_TRUE(ledger.ok()) << ledger.error().message();
    return ledger.ok() ? *std::move(ledger) : nullptr;
  }
  Error open_fails() {
    const auto ledger = LedgerFile::open(ledger_, random_, now);
    EXPECT_FALSE(ledger.ok());
    return ledger.ok() ? Error(Code::internal, "") : ledger.error();
  }
  std::string log() const { return ledger_ + "/ledger.log"; }
  std::string bytes() const { return *read_file(log()); }
  void rewrite(const std::string& content) { ASSERT_TRUE(write_file_durably(log(), content).ok()); }
  Status verify() {
    BRIDLE_TRY(auto key, PublicKey::from_pem(*read_file(ledger_ + "/ledger.pub")));
    Verifier verifier(std::move(key), Signatures::every);
    BRIDLE_CHECK(verifier.feed(bytes()));
    return verifier.finish();
  }
  // A ledger of begin and n notes, synced and closed.
  void fill(int n) {
    const auto ledger = open();
    for (int i = 0; i < n; ++i) ASSERT_TRUE(ledger->append(note(std::to_string(i))).ok());
    ASSERT_TRUE(ledger->sync().ok());
  }

  std::string folder_;
  std::string ledger_;
  SeededRandom random_{1};
};

unsigned mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 0777;
}

TEST_F(LedgerFolder, MakesItsKeyOnceAndKeepsItPrivate) {
  open();
  EXPECT_EQ(mode_of(ledger_), 0700U);
  EXPECT_EQ(mode_of(ledger_ + "/key.pem"), 0600U);
  EXPECT_EQ(mode_of(ledger_ + "/ledger.pub"), 0644U);
  EXPECT_EQ(mode_of(log()), 0600U);
  const std::string key = *read_file(ledger_ + "/key.pem");
  const auto again = open();
  EXPECT_EQ(*read_file(ledger_ + "/key.pem"), key);
  EXPECT_EQ(again->head().seq, 1U);
  EXPECT_TRUE(verify().ok());
}

TEST_F(LedgerFolder, AppendsAndReads) {
  const auto ledger = open();
  for (uint64_t i = 2; i <= 300; ++i) EXPECT_EQ(*ledger->append(note(std::to_string(i))), i);
  EXPECT_EQ(ledger->synced_head().seq, 1U);
  ASSERT_TRUE(ledger->sync().ok());
  EXPECT_EQ(ledger->synced_head(), ledger->head());
  for (const uint64_t after : {0, 1, 62, 63, 64, 65, 127, 128, 250, 299}) {
    const auto lines = ledger->read(after, 40);
    ASSERT_TRUE(lines.ok());
    ASSERT_EQ(lines->size(), std::min<uint64_t>(40, 300 - after)) << after;
    EXPECT_EQ(lines->front().record.seq, after + 1);
    EXPECT_EQ(lines->back().record.seq, std::min<uint64_t>(after + 40, 300));
  }
  EXPECT_TRUE(ledger->read(300, 40)->empty());
  EXPECT_TRUE(ledger->read(~uint64_t{0}, 40)->empty());
  EXPECT_TRUE(ledger->read(0, 0)->empty());
  EXPECT_EQ(ledger->read(100, 1)->front().record.entry.detail, "101");
  EXPECT_TRUE(verify().ok());
}

TEST_F(LedgerFolder, GoesOnAfterReopening) {
  fill(150);
  const auto ledger = open();
  EXPECT_EQ(ledger->head().seq, 151U);
  EXPECT_EQ(ledger->cut_bytes(), 0U);
  EXPECT_EQ(*ledger->append(note("more")), 152U);
  EXPECT_EQ(ledger->read(151, 9)->front().record.entry.detail, "more");
  EXPECT_EQ(ledger->read(129, 1)->front().record.seq, 130U);
  EXPECT_TRUE(verify().ok());
}

TEST_F(LedgerFolder, ReportsIntentsThatNobodyEnded) {
  {
    const auto ledger = open();
    ASSERT_TRUE(ledger->append(intent()).ok());
    ASSERT_TRUE(ledger->append(intent()).ok());
    ASSERT_TRUE(ledger->append(outcome(2, "ok")).ok());
  }
  const auto ledger = open();
  ASSERT_EQ(ledger->open_intents().size(), 1U);
  const auto [seq, entry] = *ledger->open_intents().begin();
  EXPECT_EQ(seq, 3U);
  EXPECT_EQ(entry.verb, "machine.pause");
  ASSERT_TRUE(ledger->append(outcome(seq, "recovered")).ok());
  EXPECT_TRUE(ledger->open_intents().empty());
  EXPECT_EQ(ledger->append(outcome(seq, "ok")).error().code(), Code::invalid);
  EXPECT_TRUE(verify().ok());
}

TEST_F(LedgerFolder, HasOneOwner) {
  const auto ledger = open();
  EXPECT_EQ(open_fails().code(), Code::conflict);
}

// ---- torn ends ----------------------------------------------------------------------------------

// Cut at every byte after the synced head: what was synced stays, whole lines stay, the rest is
// evidence, and the result verifies.
TEST_F(LedgerFolder, RecoversFromEveryCut) {
  fill(2);
  const std::string head = *read_file(ledger_ + "/head");
  const size_t synced = bytes().size();
  fill(2);
  const std::string all = bytes();
  for (size_t size = synced; size < all.size(); size += 7) {
    ASSERT_TRUE(write_file_durably(ledger_ + "/head", head).ok());
    rewrite(all.substr(0, size));
    const bool torn = all[size - 1] != '\n';
    const auto ledger = open();
    ASSERT_NE(ledger, nullptr);
    EXPECT_EQ(ledger->cut_bytes() > 0, torn);
    EXPECT_GE(ledger->head().seq, 3U);
    EXPECT_EQ(bytes().substr(0, synced), all.substr(0, synced));
    if (torn) {
      const auto last = ledger->read(ledger->head().seq - 1, 1);
      EXPECT_EQ(last->front().record.entry.verb, "ledger.recovered");
      const std::string evidence = "torn-" + std::to_string(ledger->head().seq - 1);
      EXPECT_THAT(last->front().record.entry.detail, HasSubstr(evidence));
      EXPECT_EQ(read_file(ledger_ + "/" + evidence)->size(), ledger->cut_bytes());
    }
    EXPECT_TRUE(verify().ok());
  }
}

TEST_F(LedgerFolder, RecoversFromZerosAndNoiseAfterTheHead) {
  fill(3);
  const std::string head = *read_file(ledger_ + "/head");
  const std::string good = bytes();
  for (const std::string& tail : {std::string(5000, '\0'), std::string(100'000, 'x'),
                                  std::string("a\nb\nc\n"), std::string("\n")}) {
    ASSERT_TRUE(write_file_durably(ledger_ + "/head", head).ok());
    rewrite(good + tail);
    const auto ledger = open();
    ASSERT_NE(ledger, nullptr);
    EXPECT_EQ(ledger->cut_bytes(), tail.size());
    EXPECT_TRUE(verify().ok());
  }
}

TEST_F(LedgerFolder, BeginsAgainIfTheFirstLineWasTorn) {
  fill(0);
  const std::string all = bytes();
  ASSERT_TRUE(remove_file(ledger_ + "/head").ok());
  rewrite(all.substr(0, 50));
  EXPECT_EQ(open()->head().seq, 1U);
  EXPECT_TRUE(verify().ok());
}

// ---- what no crash does -------------------------------------------------------------------------

TEST_F(LedgerFolder, RefusesToWriteOnWhenSyncedEntriesAreGone) {
  fill(5);
  const std::string all = bytes();
  const size_t last_line = all.rfind('\n', all.size() - 2) + 1;
  rewrite(all.substr(0, last_line));
  const Error error = open_fails();
  EXPECT_EQ(error.code(), Code::corrupt);
  EXPECT_THAT(error.message(), HasSubstr("entry 6 of 6 that were on disk is missing"));
  EXPECT_THAT(error.message(), HasSubstr("move it aside"));
  rewrite("");
  EXPECT_EQ(open_fails().code(), Code::corrupt);
  ASSERT_TRUE(remove_file(log()).ok());
  EXPECT_EQ(open_fails().code(), Code::corrupt);
  rewrite(all);
  EXPECT_EQ(open()->head().seq, 6U) << "a refusal changed nothing";
}

TEST_F(LedgerFolder, RefusesAChangedPast) {
  fill(5);
  std::string all = bytes();
  all[all.find("uid:0")] = 'U';
  rewrite(all);
  EXPECT_THAT(open_fails().message(), HasSubstr("missing or changed"));
  ASSERT_TRUE(remove_file(ledger_ + "/head").ok());
  EXPECT_THAT(open_fails().message(), HasSubstr("line 2 is bad"));
}

TEST_F(LedgerFolder, RefusesAForeignOrMissingKey) {
  fill(1);
  const std::string key = *read_file(ledger_ + "/key.pem");
  ASSERT_TRUE(remove_file(ledger_ + "/key.pem").ok());
  EXPECT_THAT(open_fails().message(), HasSubstr("key.pem is missing"));
  SeededRandom other(2);
  ASSERT_TRUE(write_file_durably(ledger_ + "/key.pem", SigningKey::generate(other)->pem()).ok());
  EXPECT_THAT(open_fails().message(), HasSubstr("not signed by this host's key"));
  ASSERT_TRUE(write_file_durably(ledger_ + "/key.pem", "nonsense").ok());
  EXPECT_EQ(open_fails().code(), Code::corrupt);
  ASSERT_TRUE(write_file_durably(ledger_ + "/key.pem", key).ok());
  EXPECT_EQ(open()->head().seq, 2U);
}

TEST_F(LedgerFolder, AForgedHeadFileSaysNothing) {
  fill(3);
  ASSERT_TRUE(write_file_durably(ledger_ + "/head", "999 nonsense\n").ok());
  EXPECT_EQ(open()->head().seq, 4U);
}

// ---- failures -----------------------------------------------------------------------------------

// In a child, whose files may not grow beyond a bound.
int append_to_a_full_disk(const std::string& folder) {
  ::signal(SIGXFSZ, SIG_IGN);
  SeededRandom random(1);
  auto ledger = LedgerFile::open(folder, random, now);
  if (!ledger) return 1;
  const rlimit small{20'000, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 2;
  uint64_t last = 1;
  for (int i = 0; i < 200; ++i) {
    const auto seq = (*ledger)->append(note(std::string(300, 'd')));
    if (seq) last = *seq;
  }
  if (last < 10 || (*ledger)->head().seq != last) return 3;
  const rlimit large{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &large) != 0) return 4;
  const auto seq = (*ledger)->append(note("room again"));
  if (!seq || *seq != last + 1) return 5;
  return (*ledger)->sync().ok() ? 0 : 6;
}

TEST_F(LedgerFolder, LivesOnWhenTheDiskIsFull) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(append_to_a_full_disk(ledger_));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
  EXPECT_TRUE(verify().ok()) << "nothing half-written";
  EXPECT_THAT(bytes(), HasSubstr("room again"));
}

[[noreturn]] void append_until_killed(const std::string& folder, int pipe) {
  SystemRandom random;
  auto ledger = LedgerFile::open(folder, random, now);
  if (!ledger) ::_exit(1);
  while (true) {
    const auto seq = (*ledger)->append(note("x"));
    if (!seq || (*seq % 8 == 0 && !(*ledger)->sync())) ::_exit(2);
    if (::write(pipe, &*seq, sizeof *seq) != sizeof *seq) ::_exit(3);
  }
}

TEST_F(LedgerFolder, AppendedEntriesSurviveKill) {
  uint64_t last = 0;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) append_until_killed(ledger_, ends[1]);
    ::close(ends[1]);
    const Fd reader(ends[0]);
    ::usleep(static_cast<useconds_t>(20'000 + random_.below(60'000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    for (uint64_t seq = 0; ::read(reader.get(), &seq, sizeof seq) == sizeof seq;) last = seq;
    const auto ledger = open();
    ASSERT_NE(ledger, nullptr);
    EXPECT_GE(ledger->head().seq, last) << "round " << round;
  }
  EXPECT_GT(last, 10U);
  EXPECT_TRUE(verify().ok());
}

}  // namespace
}  // namespace bridle::ledger
