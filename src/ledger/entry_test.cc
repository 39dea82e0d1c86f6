#include "ledger/entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace bridle::ledger {
namespace {

using testing::HasSubstr;

Entry full_entry() {
  Entry entry;
  entry.phase = Phase::outcome;
  entry.at = {1'767'323'045'678'000'000};
  entry.actor = "uid:1000";
  entry.verb = "machine.start";
  entry.object = "/machine/lab/web";
  entry.machine = MachineId{*Uuid::parse("6ba7b810-9dad-41d1-80b4-00c04fd430c8"), 3};
  entry.of = 6;
  entry.code = "ok";
  entry.detail = "slot 2";
  return entry;
}

std::string encoded(const Entry& entry) { return encode({7, entry, sha256("before")}); }

Code refused(Entry entry) {
  const auto result = normalized(std::move(entry));
  EXPECT_FALSE(result.ok());
  return result.ok() ? Code::internal : result.error().code();
}

TEST(Entry, GoldenBytes) {
  EXPECT_EQ(
      encoded(full_entry()),
      R"({"seq":7,"at":"2026-01-02T03:04:05.678Z","phase":"outcome","of":6,"actor":"uid:1000",)"
      R"("verb":"machine.start","object":"/machine/lab/web",)"
      R"("machine":"6ba7b810-9dad-41d1-80b4-00c04fd430c8/3","code":"ok","detail":"slot 2",)"
      R"("prev":")" +
          hex(sha256("before")) + R"("})");
}

TEST(Entry, LeavesOutWhatIsEmpty) {
  Entry entry;
  entry.actor = "bridled";
  entry.verb = "store.opened";
  const std::string zeros(64, '0');
  EXPECT_EQ(encode({1, entry, {}}),
            R"({"seq":1,"at":"1970-01-01T00:00:00.000Z","phase":"note","actor":"bridled",)"
            R"("verb":"store.opened","prev":")" +
                zeros + R"("})");
}

TEST(Entry, RoundTripsHostileText) {
  Entry entry = full_entry();
  entry.actor = "a\"b\\c";
  entry.object = "/x/\xc3\xa9/\xf0\x9f\x90\xb4";
  entry.detail = std::string("\x1b[2J\0\n\r\t\x7f\xc2\x9b\xe2\x80\xae", 14);
  const std::string text = encoded(entry);
  for (const char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << "safe on a terminal";
  const auto back = decode(text);
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(back->entry, entry);
  EXPECT_EQ(back->seq, 7U);
}

TEST(Entry, RefusesWhatBreaksTheRules) {
  Entry entry = full_entry();
  entry.actor.clear();
  EXPECT_EQ(refused(entry), Code::invalid);
  entry = full_entry();
  entry.verb = "rm -rf";
  EXPECT_EQ(refused(entry), Code::invalid);
  entry = full_entry();
  entry.object = "/\xff";
  EXPECT_EQ(refused(entry), Code::invalid);
  entry = full_entry();
  entry.object = std::string(max_object + 1, 'o');
  EXPECT_EQ(refused(entry), Code::invalid);
  entry = full_entry();
  entry.of = 0;
  EXPECT_EQ(refused(entry), Code::invalid) << "an outcome names its intent";
  entry = full_entry();
  entry.code.clear();
  EXPECT_EQ(refused(entry), Code::invalid) << "an outcome has a result";
  entry = full_entry();
  entry.phase = Phase::intent;
  EXPECT_EQ(refused(entry), Code::invalid) << "an intent has neither";
}

TEST(Entry, RepairsDetailsInsteadOfLosingTheEntry) {
  Entry entry = full_entry();
  entry.detail = "guest said \xff\xfe!";
  EXPECT_EQ(normalized(entry)->detail, "guest said \xef\xbf\xbd\xef\xbf\xbd!");
  entry.detail.clear();
  for (int i = 0; i < 2000; ++i) entry.detail += "\xc3\xa9";
  const auto cut = normalized(entry);
  ASSERT_TRUE(cut.ok());
  EXPECT_LE(cut->detail.size(), max_detail);
  EXPECT_THAT(cut->detail, testing::EndsWith("\xc3\xa9..."));
  entry.at.ns = -1;
  EXPECT_EQ(normalized(entry)->at.ns, -1'000'000) << "down to the millisecond, also before 1970";
}

// The longest entry that the rules allow fits a line.
TEST(Entry, EveryEntryFitsALine) {
  Entry entry = full_entry();
  entry.actor = std::string(max_actor, '\x01');
  entry.verb = std::string(max_verb, 'v');
  entry.object = std::string(max_object, '\x01');
  entry.machine->generation = ~uint64_t{0};
  entry.of = ~uint64_t{0};
  entry.code = std::string(max_code, 'c');
  entry.detail = std::string(max_detail, '\x01');
  const auto fine = normalized(entry);
  ASSERT_TRUE(fine.ok());
  const std::string text = encode({~uint64_t{0}, *fine, {}});
  EXPECT_LE(text.size() + 64 + 88 + 2, max_line);
  EXPECT_TRUE(decode(text).ok());
}

TEST(Entry, AcceptsOneSpellingOnly) {
  const std::string good = encoded(full_entry());
  ASSERT_TRUE(decode(good).ok());
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  const std::string bad[] = {
      "",
      "{}",
      "[]",
      "null",
      good + " ",
      " " + good,
      changed("{", "{ "),
      changed("\"code\":\"ok\"", "\"code\":\"\\u006fk\""),
      changed("\"code\":\"ok\",", "\"code\":\"ok\",\"code\":\"ok\","),
      changed("\"code\":\"ok\",", "\"extra\":1,\"code\":\"ok\","),
      changed("\"seq\":7", "\"seq\":7.0"),
      changed("\"seq\":7", "\"seq\":-7"),
      changed("\"seq\":7", "\"seq\":\"7\""),
      changed("\"of\":6,", ""),
      changed("outcome", "Outcome"),
      changed("05.678Z", "05.67Z"),
      changed("2026-01-02", "2026-13-02"),
      changed("/3\"", "/03\""),
      changed("/3\"", "/99999999999999999999\""),
      changed("6ba7", "6BA7"),
      changed("slot 2", "slot\t2"),
      changed("\"ok\"", "{\"a\":{\"b\":[[[[]]]]}}"),
      good.substr(0, good.size() - 3),
      std::string(max_line + 1, ' '),
  };
  for (const auto& text : bad) {
    const auto result = decode(text);
    EXPECT_FALSE(result.ok()) << text;
    if (!result.ok()) {
      EXPECT_EQ(result.error().code(), Code::corrupt);
    }
  }
}

TEST(Entry, SurvivesRandomBytes) {
  SeededRandom random(5);
  const std::string good = encoded(full_entry());
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (uint64_t n = 1 + random.below(3); n > 0; --n)
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    const auto result = decode(text);
    if (result.ok()) {
      EXPECT_EQ(encode(*result), text);
    }
  }
}

}  // namespace
}  // namespace bridle::ledger
