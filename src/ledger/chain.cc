#include "ledger/chain.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

namespace bridle::ledger {
namespace {

constexpr std::string_view begin_verb = "ledger.begin";
constexpr size_t max_open = 65536;       // intents: a bound on memory
constexpr size_t signature_digits = 88;  // base64 of 64 bytes

Error bad(const std::string& what) { return Error(Code::corrupt, what); }
std::string number(uint64_t value) { return std::to_string(value); }

std::string base64(const Signature& signature) {
  std::array<uint8_t, signature_digits + 1> out{};
  EVP_EncodeBlock(out.data(), signature.data(), static_cast<int>(signature.size()));
  return std::string(reinterpret_cast<const char*>(out.data()), signature_digits);
}

Result<Signature> parse_signature(std::string_view text) {
  const Error error = bad("the signature is not the base64 of 64 bytes");
  if (text.size() != signature_digits) return error;
  std::array<uint8_t, 66> out{};
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  if (EVP_DecodeBlock(out.data(), bytes, static_cast<int>(text.size())) != int{out.size()})
    return error;
  Signature signature{};
  std::copy_n(out.begin(), signature.size(), signature.begin());
  if (base64(signature) != text) return error;
  return signature;
}

Result<Sha256> parse_hash(std::string_view text) {
  Sha256 hash{};
  for (size_t i = 0; text.size() == 2 * hash.size() && i < hash.size(); ++i)
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, hash[i], 16);
  if (hex(hash) != text) return bad("the hash is not a SHA-256");
  return hash;
}

// Splits at the next separator; false if there is none.
bool take_field(std::string_view& rest, char separator, std::string_view& field) {
  const size_t at = rest.find(separator);
  if (at == std::string_view::npos) return false;
  field = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return true;
}

std::string begin_detail(const std::string& fingerprint) { return "format 1, key " + fingerprint; }

}  // namespace

std::string Head::signed_text() const {
  return "bridle-ledger-1 " + number(seq) + " " + hex(hash) + "\n";
}

std::string Head::text() const { return number(seq) + " " + hex(hash) + " " + base64(signature); }

Result<Head> Head::parse(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const Error error = bad("a head is 'SEQ SHA256 SIGNATURE'");
  std::string_view rest = text;
  std::string_view seq;
  std::string_view hash;
  if (!take_field(rest, ' ', seq) || !take_field(rest, ' ', hash)) return error;
  Head head;
  std::from_chars(seq.data(), seq.data() + seq.size(), head.seq);
  BRIDLE_TRY(head.hash, parse_hash(hash));
  BRIDLE_TRY(head.signature, parse_signature(rest));
  if (head.seq == 0 || head.text() != text) return error;
  return head;
}

Result<Line> parse_line(std::string_view line) {
  if (line.size() > max_line) return bad("longer than " + number(max_line) + " bytes");
  std::string_view rest = line;
  std::string_view json;
  std::string_view hash;
  if (!take_field(rest, '\t', json) || !take_field(rest, '\t', hash))
    return bad("not JSON, hash and signature with a tab between them");
  Line out;
  BRIDLE_TRY(out.head.hash, parse_hash(hash));
  BRIDLE_TRY(out.head.signature, parse_signature(rest));
  if (sha256(json) != out.head.hash)
    return bad("the entry does not have the hash written beside it");
  BRIDLE_TRY(out.record, decode(json));
  out.head.seq = out.record.seq;
  return out;
}

Entry Chain::begin(WallTime at, const std::string& fingerprint) {
  Entry entry;
  entry.at = at;
  entry.actor = "bridled";
  entry.verb = begin_verb;
  entry.detail = begin_detail(fingerprint);
  return entry;
}

Status Chain::check_place(const Record& record) const {
  if (record.seq != next_seq())
    return bad("entry " + number(record.seq) + " stands where entry " + number(next_seq()) +
               " belongs: lines were removed, added or exchanged");
  if (record.prev != last_line_)
    return bad(
        "it does not follow from the line before: that line was changed, or this one "
        "belongs to another ledger");
  return {};
}

Status Chain::check_meaning(uint64_t seq, const Entry& entry) const {
  const bool begins = entry.phase == Phase::note && entry.verb == begin_verb;
  if (begins != (seq == 1))
    return Error(Code::invalid,
                 "the first entry of a ledger is the note ledger.begin, and only it");
  if (begins && entry.detail.rfind("format 1, key ", 0) != 0)
    return Error(Code::invalid, "ledger.begin names a format that this Bridle does not know");
  if (entry.phase == Phase::outcome && open_.count(entry.of) == 0)
    return Error(Code::invalid, "entry " + number(entry.of) + " is not an open intent");
  if (entry.phase == Phase::intent && open_.size() >= max_open)
    return Error(Code::exhausted, "more than " + number(max_open) + " intents are open");
  return {};
}

namespace {

std::string joined(const std::string& json, const Head& head) {
  return json + '\t' + hex(head.hash) + '\t' + base64(head.signature);
}

}  // namespace

std::string line_text(const Line& line) { return joined(encode(line.record), line.head); }

void Chain::advance(const Record& record, const Head& head, std::string_view line) {
  head_ = head;
  last_line_ = sha256(line);
  if (record.entry.phase == Phase::intent) open_.emplace(record.seq, record.entry);
  if (record.entry.phase == Phase::outcome) open_.erase(record.entry.of);
}

Result<Chain::Next> Chain::prepare(const Entry& entry, const Signer& signer) const {
  Next next;
  next.record.seq = next_seq();
  next.record.prev = last_line_;
  BRIDLE_TRY(next.record.entry, normalized(entry));
  BRIDLE_CHECK(check_meaning(next.record.seq, next.record.entry));
  const std::string json = encode(next.record);
  next.head.seq = next.record.seq;
  next.head.hash = sha256(json);
  BRIDLE_TRY(next.head.signature, signer.sign(next.head.signed_text()));
  next.text = joined(json, next.head);
  return next;
}

void Chain::advance(const Next& next) { advance(next.record, next.head, next.text); }

Result<Line> Chain::accept(std::string_view line) {
  BRIDLE_TRY(Line parsed, parse_line(line));
  BRIDLE_CHECK(check_place(parsed.record));
  if (const Status fits = check_meaning(parsed.record.seq, parsed.record.entry); !fits)
    return bad(fits.error().message());
  advance(parsed.record, parsed.head, line);
  return parsed;
}

}  // namespace bridle::ledger
