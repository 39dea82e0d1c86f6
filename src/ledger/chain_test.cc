// Keys, chain and verifier: what is accepted, and every way to tamper.
#include "ledger/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "ledger/verifier.h"

namespace bridle::ledger {
namespace {

using testing::HasSubstr;

SigningKey key_of(uint8_t seed) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(seed);
  return *SigningKey::from_seed(bytes);
}

Entry note(const std::string& detail) {
  Entry entry;
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

Entry outcome(uint64_t of) {
  Entry entry = note("");
  entry.phase = Phase::outcome;
  entry.of = of;
  entry.code = "ok";
  return entry;
}

std::string append(Chain& chain, const SigningKey& key, const Entry& entry) {
  const auto next = chain.prepare(entry, key);
  EXPECT_TRUE(next.ok()) << next.error().message();
  chain.advance(*next);
  return next->text;
}

// A ledger of ten entries: begin, then notes, an intent (5) and its outcome (8).
std::vector<std::string> ten_lines(const SigningKey& key) {
  Chain chain;
  std::vector<std::string> lines;
  lines.push_back(append(chain, key, Chain::begin({0}, key.fingerprint())));
  for (uint64_t seq = 2; seq <= 10; ++seq)
    lines.push_back(append(chain, key,
                           seq == 5   ? intent()
                           : seq == 8 ? outcome(5)
                                      : note("entry " + std::to_string(seq))));
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

Status verify(const std::string& bytes, const SigningKey& key,
              Signatures signatures = Signatures::last) {
  Verifier verifier(key.public_key(), signatures);
  BRIDLE_CHECK(verifier.feed(bytes));
  return verifier.finish();
}

std::string complaint(const std::string& bytes, Signatures signatures = Signatures::last) {
  const Status done = verify(bytes, key_of(1), signatures);
  if (done.ok()) return "OK";
  EXPECT_EQ(done.error().code(), Code::corrupt);
  return done.error().message();
}

// ---- keys ---------------------------------------------------------------------------------------

// RFC 8032, section 7.1, test 1.
TEST(Keys, KnowTheStandardsVector) {
  const auto seed = [] {
    std::array<uint8_t, 32> bytes{};
    const std::string digits = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    for (size_t i = 0; i < 32; ++i)
      bytes[i] = static_cast<uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
    return bytes;
  }();
  const auto key = SigningKey::from_seed(seed);
  const auto signature = key->sign("");
  EXPECT_EQ(hex(signature->data(), signature->size()),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
}

TEST(Keys, RoundTripThroughPem) {
  const SigningKey key = key_of(7);
  const auto again = SigningKey::from_pem(key.pem());
  ASSERT_TRUE(again.ok());
  const auto signature = again->sign("text");
  const auto published = PublicKey::from_pem(key.public_key().pem());
  ASSERT_TRUE(published.ok());
  EXPECT_TRUE(published->verify("text", *signature));
  EXPECT_FALSE(published->verify("Text", *signature));
  EXPECT_FALSE(key_of(8).public_key().verify("text", *signature));
  EXPECT_EQ(published->fingerprint(), key.fingerprint());
}

TEST(Keys, RefuseWhatIsNotAKey) {
  EXPECT_FALSE(SigningKey::from_pem("").ok());
  EXPECT_FALSE(
      SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").ok());
  EXPECT_FALSE(PublicKey::from_pem(key_of(1).pem()).ok());
  EXPECT_EQ(PublicKey::from_pem("x").error().code(), Code::corrupt);
}

// ---- chain --------------------------------------------------------------------------------------

TEST(Chain, AcceptsWhatItMade) {
  const SigningKey key = key_of(1);
  Chain chain;
  for (const auto& line : ten_lines(key)) {
    const auto accepted = chain.accept(line);
    ASSERT_TRUE(accepted.ok()) << accepted.error().message();
    EXPECT_EQ(accepted->head, chain.head());
  }
  EXPECT_EQ(chain.head().seq, 10U);
  EXPECT_TRUE(chain.open_intents().empty());
}

TEST(Chain, KnowsOpenIntents) {
  const SigningKey key = key_of(1);
  Chain chain;
  append(chain, key, Chain::begin({0}, key.fingerprint()));
  append(chain, key, intent());
  append(chain, key, intent());
  append(chain, key, outcome(2));
  ASSERT_EQ(chain.open_intents().size(), 1U);
  EXPECT_EQ(chain.open_intents().begin()->first, 3U);
  EXPECT_EQ(chain.prepare(outcome(2), key).error().code(), Code::invalid) << "no act ends twice";
  EXPECT_EQ(chain.prepare(outcome(9), key).error().code(), Code::invalid);
  EXPECT_EQ(chain.prepare(outcome(1), key).error().code(), Code::invalid);
  EXPECT_EQ(chain.head().seq, 4U) << "what is refused moves nothing";
}

TEST(Chain, BeginsOnce) {
  const SigningKey key = key_of(1);
  Chain chain;
  EXPECT_FALSE(chain.prepare(note("first"), key).ok());
  append(chain, key, Chain::begin({0}, key.fingerprint()));
  EXPECT_FALSE(chain.prepare(Chain::begin({0}, key.fingerprint()), key).ok());
}

TEST(Head, RoundTripsAndRefuses) {
  const SigningKey key = key_of(1);
  Chain chain;
  append(chain, key, Chain::begin({0}, key.fingerprint()));
  const std::string text = chain.head().text();
  EXPECT_EQ(*Head::parse(text), chain.head());
  EXPECT_EQ(*Head::parse(text + "\n"), chain.head());
  for (const std::string& bad :
       {std::string(), std::string("1"), text + "x", " " + text, "0" + text, text.substr(1),
        text + "\n\n", text.substr(0, text.size() - 1), std::string(300, ' ')})
    EXPECT_FALSE(Head::parse(bad).ok()) << bad;
}

// ---- verifier -----------------------------------------------------------------------------------

TEST(Verifier, AcceptsTheLedgerInPiecesOfAnySize) {
  const SigningKey key = key_of(1);
  const std::string bytes = joined(ten_lines(key));
  for (size_t piece = 1; piece < 700; piece += 13) {
    Verifier verifier(key.public_key(), Signatures::last);
    uint64_t visited = 0;
    verifier.on_line([&](const Line& line) { EXPECT_EQ(line.record.seq, ++visited); });
    for (size_t at = 0; at < bytes.size(); at += piece)
      ASSERT_TRUE(verifier.feed(std::string_view(bytes).substr(at, piece)).ok());
    EXPECT_TRUE(verifier.finish().ok());
    EXPECT_EQ(visited, 10U);
  }
}

TEST(Verifier, EveryFlippedByteIsFound) {
  const SigningKey key = key_of(1);
  const std::string bytes = joined(ten_lines(key));
  SeededRandom random(3);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ static_cast<char>(1 + random.below(255)));
    EXPECT_NE(complaint(changed), "OK") << "byte " << i;
  }
}

TEST(Verifier, NamesTheFirstBadLine) {
  auto lines = ten_lines(key_of(1));
  lines[3].replace(lines[3].find("uid:0"), 5, "uid:1");
  EXPECT_THAT(complaint(joined(lines)), testing::StartsWith("line 4: "));
}

TEST(Verifier, RemovedExchangedAndRepeatedLinesAreFound) {
  const auto lines = ten_lines(key_of(1));
  auto changed = lines;
  changed.erase(changed.begin() + 4);
  EXPECT_THAT(complaint(joined(changed)),
              HasSubstr("line 5: entry 6 stands where entry 5 belongs"));
  changed = lines;
  std::swap(changed[4], changed[5]);
  EXPECT_THAT(complaint(joined(changed)), testing::StartsWith("line 5: "));
  changed = lines;
  changed.insert(changed.begin() + 4, lines[3]);
  EXPECT_THAT(complaint(joined(changed)), testing::StartsWith("line 5: "));
  EXPECT_THAT(complaint(""), HasSubstr("empty"));
}

TEST(Verifier, ACutTailIsFoundAgainstAHead) {
  const SigningKey key = key_of(1);
  auto lines = ten_lines(key);
  const Head head = parse_line(lines.back())->head;
  lines.pop_back();
  EXPECT_EQ(complaint(joined(lines)), "OK") << "without a witness nobody can know";
  Verifier verifier(key.public_key());
  ASSERT_TRUE(verifier.expect(head).ok());
  ASSERT_TRUE(verifier.feed(joined(lines)).ok());
  EXPECT_THAT(verifier.finish().error().message(), HasSubstr("witness saw entry 10"));
  EXPECT_THAT(complaint(joined(lines) + "{\"seq\":10"), HasSubstr("line 10: it has no end"));
}

// The host rewrites its past with its own key; the witness's head says otherwise.
TEST(Verifier, ARewrittenPastIsFoundAgainstAHead) {
  const SigningKey key = key_of(1);
  const Head seen = parse_line(ten_lines(key)[6])->head;
  Chain chain;
  std::vector<std::string> lines{append(chain, key, Chain::begin({0}, key.fingerprint()))};
  for (int i = 0; i < 9; ++i) lines.push_back(append(chain, key, note("nothing happened")));
  EXPECT_EQ(complaint(joined(lines)), "OK");
  Verifier verifier(key.public_key());
  ASSERT_TRUE(verifier.expect(seen).ok());
  EXPECT_THAT(verifier.feed(joined(lines)).error().message(), HasSubstr("line 7: "));
  EXPECT_FALSE(verifier.finish().ok()) << "once wrong, always wrong";
  Verifier both(key.public_key());
  ASSERT_TRUE(both.expect(seen).ok());
  EXPECT_THAT(both.expect(parse_line(lines[6])->head).error().message(), HasSubstr("two stories"));
}

TEST(Verifier, AForgerWithAnotherKeyIsFound) {
  const auto lines = ten_lines(key_of(2));
  EXPECT_THAT(complaint(joined(lines)),
              HasSubstr("line 1: this ledger was begun with another key"));
  // The forger keeps the first lines and continues them with a key of his own.
  Chain chain;
  auto forged = ten_lines(key_of(1));
  forged.resize(6);
  for (const auto& line : forged) ASSERT_TRUE(chain.accept(line).ok());
  for (int i = 0; i < 4; ++i) forged.push_back(append(chain, key_of(2), note("forged")));
  EXPECT_THAT(complaint(joined(forged)), HasSubstr("line 10: the signature is not by key"));
  EXPECT_THAT(complaint(joined(forged), Signatures::every),
              HasSubstr("line 7: the signature is not by key"));
  Verifier verifier(key_of(1).public_key());
  EXPECT_FALSE(verifier.expect(chain.head()).ok()) << "a forged head is no witness";
}

TEST(Verifier, IsBounded) {
  Verifier verifier(key_of(1).public_key());
  const std::string piece(1000, 'x');
  Status last;
  for (int i = 0; i < 100 && last.ok(); ++i) last = verifier.feed(piece);
  ASSERT_FALSE(last.ok());
  EXPECT_THAT(last.error().message(), HasSubstr("line 1: longer than"));
}

}  // namespace
}  // namespace bridle::ledger
