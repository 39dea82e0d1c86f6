// Runs the very recipe of docs/ledger.md, with openssl and coreutils, on a real ledger and on
// tampered ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "base/file.h"
#include "ledger/ledger_file.h"

namespace bridle::ledger {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string recipe() {
  const std::string document = *read_file(BRIDLE_SOURCE_DIR "/docs/ledger.md");
  const std::string fence = "```sh\n";
  const size_t begin = document.find(fence) + fence.size();
  const size_t end = document.find("```\n", begin);
  EXPECT_NE(end, std::string::npos);
  return document.substr(begin, end - begin);
}

class Recipe : public testing::Test {
 protected:
  static constexpr int entries = 12;

  Recipe() {
    char name[] = "/tmp/bt-recipe-XXXXXX";
    folder_ = ::mkdtemp(name);
    EXPECT_TRUE(write_file_durably(folder_ + "/check-ledger", recipe()).ok());
    SystemRandom random;
    auto ledger = LedgerFile::open(folder_ + "/ledger", random, {1'767'323'045'000'000'000});
    EXPECT_TRUE(ledger.ok());
    for (int i = 2; i <= entries; ++i) {
      Entry entry;
      entry.actor = "uid:0";
      entry.verb = "machine.pause";
      entry.object = "/machine/lab/web";
      entry.detail = "hostile: \" \\ $(touch /x) `id` * %s \t\n\xc3\xa9 -n " + std::to_string(i);
      EXPECT_TRUE((*ledger)->append(entry).ok());
    }
    EXPECT_TRUE((*ledger)->sync().ok());
    log_ = *read_file(folder_ + "/ledger/ledger.log");
    head_ = *read_file(folder_ + "/ledger/head");
    for (size_t at = 0; at < log_.size(); at = log_.find('\n', at) + 1) starts_.push_back(at);
  }
  ~Recipe() override { (void)remove_tree(folder_); }

  // What the recipe says about these bytes; "" if its exit status does not fit its words.
  std::string said(const std::string& bytes, const std::string& head = "") {
    EXPECT_TRUE(write_file_durably(folder_ + "/tampered", bytes).ok());
    std::string command = "sh " + folder_ + "/check-ledger " + folder_ + "/tampered " + folder_ +
                          "/ledger/ledger.pub";
    if (!head.empty()) {
      EXPECT_TRUE(write_file_durably(folder_ + "/kept", head).ok());
      command += " " + folder_ + "/kept";
    }
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::string out;
    char chunk[4096];
    while (const size_t n = ::fread(chunk, 1, sizeof chunk, pipe)) out.append(chunk, n);
    const int status = ::pclose(pipe);
    const bool ok = out.rfind("OK ", 0) == 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == (ok ? 0 : 1) ? out : "";
  }
  std::string line(int number) const {  // with its "\n"
    const size_t at = starts_[static_cast<size_t>(number) - 1];
    return log_.substr(at, log_.find('\n', at) + 1 - at);
  }
  std::string without(int number) const {
    std::string out = log_;
    return out.erase(starts_[static_cast<size_t>(number) - 1], line(number).size());
  }

  std::string folder_;
  std::string log_;
  std::string head_;
  std::vector<size_t> starts_;
};

TEST_F(Recipe, AcceptsTheLedger) {
  EXPECT_THAT(said(log_), StartsWith("OK 12 entries, head 12 "));
  EXPECT_THAT(said(log_, head_), StartsWith("OK 12 entries, head 12 "));
}

TEST_F(Recipe, FindsFlippedBytes) {
  SeededRandom random(4);
  for (int i = 0; i < 12; ++i) {
    std::string changed = log_;
    const size_t at = random.below(changed.size());
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 << random.below(8)));
    EXPECT_THAT(said(changed), StartsWith("BAD line ")) << "byte " << at;
  }
  // One in each part of the first, a middle and the last line: entry, hash, signature, separators.
  for (const int number : {1, 6, 12}) {
    const std::string text = line(number);
    const size_t start = starts_[static_cast<size_t>(number) - 1];
    for (const size_t at : {size_t{9}, text.size() - 1 - 88 - 1 - 30, text.size() - 1 - 88 - 1,
                            text.size() - 40, text.size() - 1}) {
      std::string changed = log_;
      changed[start + at] = static_cast<char>(changed[start + at] ^ 1);
      EXPECT_THAT(said(changed), StartsWith("BAD line ")) << "line " << number << " byte " << at;
    }
  }
}

TEST_F(Recipe, FindsRemovedExchangedAndRepeatedLines) {
  EXPECT_THAT(said(without(5)), StartsWith("BAD line 5: another entry belongs here"));
  EXPECT_THAT(said(without(1)), StartsWith("BAD line 1: "));
  std::string exchanged = log_;
  exchanged.replace(starts_[4], line(5).size() + line(6).size(), line(6) + line(5));
  EXPECT_THAT(said(exchanged), StartsWith("BAD line 5: "));
  std::string repeated = log_;
  repeated.insert(starts_[4], line(4));
  EXPECT_THAT(said(repeated), StartsWith("BAD line 5: "));
  EXPECT_THAT(said(log_ + std::string(1, '\0')), HasSubstr("zero bytes"));
}

TEST_F(Recipe, FindsACutTail) {
  EXPECT_THAT(said(log_.substr(0, log_.size() - 1)), StartsWith("BAD line 12: the file was cut"));
  EXPECT_THAT(said(log_.substr(0, log_.size() - 100)), StartsWith("BAD line 12: the file was cut"));
  EXPECT_THAT(said(without(12), head_), HasSubstr("the ledger ends here, but the kept head is of"));
  EXPECT_THAT(said("", head_), StartsWith("BAD line"));
  EXPECT_THAT(said(""), HasSubstr("empty"));
}

TEST_F(Recipe, FindsAForgedHeadAndAForeignKey) {
  std::string forged = head_;
  forged[forged.size() - 20] = forged[forged.size() - 20] == 'A' ? 'B' : 'A';
  EXPECT_THAT(said(log_, forged), StartsWith("BAD head"));
  SystemRandom random;
  const std::string foreign = SigningKey::generate(random)->public_key().pem();
  ASSERT_TRUE(write_file_durably(folder_ + "/ledger/ledger.pub", foreign).ok());
  EXPECT_THAT(said(log_), StartsWith("BAD line 12: not signed by this key"));
}

}  // namespace
}  // namespace bridle::ledger
