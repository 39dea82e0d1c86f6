// rooms: ledger
// fuzz: -max_len=2048
// The ledger's verifier, its recovery at start, and the parsers of entries and heads: any bytes,
// any pieces. The key is the one of seed 01 01 ... 01; the corpus has ledgers signed by it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/recovery.h"
#include "ledger/verifier.h"

namespace {

using namespace bridle;
using namespace bridle::ledger;

void require(bool holds) {
  if (!holds) std::abort();
}

// Made once: it takes longer than most inputs.
PublicKey public_key() {
  static const SigningKey key = [] {
    std::array<uint8_t, 32> seed{};
    seed.fill(1);
    return *SigningKey::from_seed(seed);
  }();
  return key.public_key();
}

Status verify(std::string_view bytes, size_t piece, uint64_t& lines) {
  Verifier verifier(public_key());
  Status fed;
  for (size_t at = 0; at < bytes.size() && fed.ok(); at += piece)
    fed = verifier.feed(bytes.substr(at, piece));
  lines = verifier.lines();
  return fed.ok() ? verifier.finish() : fed;
}

// The verdict does not depend on how the bytes came.
void check_verifier(std::string_view bytes) {
  uint64_t whole_lines = 0;
  uint64_t pieces_lines = 0;
  const Status whole = verify(bytes, std::max<size_t>(bytes.size(), 1), whole_lines);
  const Status pieces = verify(bytes, 7, pieces_lines);
  require(whole.ok() == pieces.ok() && whole_lines == pieces_lines);
  require(whole.ok() || whole.error().message() == pieces.error().message());
}

void check_recovery(std::string_view bytes) {
  Recovery recovery(std::nullopt);
  recovery.feed(bytes);
  const auto found = recovery.finish("fuzz");
  if (found.ok()) require(found->good_size + (found->torn ? 1 : 0) <= bytes.size());
}

// What is accepted has one spelling.
void check_parsers(std::string_view bytes) {
  const auto line = bytes.substr(0, bytes.find('\n'));
  const auto head = Head::parse(line);
  if (head.ok()) require(head->text() == line);
  const auto json = line.substr(0, line.find('\t'));
  const auto record = decode(json);
  if (record.ok()) require(encode(*record) == json);
  const auto parsed = parse_line(line);
  if (parsed.ok()) require(encode(parsed->record) == json);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_verifier(bytes);
  check_recovery(bytes);
  check_parsers(bytes);
  return 0;
}
