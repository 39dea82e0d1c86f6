// Chain: lines of the ledger, made and checked. Pure steps; the file is ledger_file.h.
//
//   line  = JSON TAB sha256(JSON) TAB base64(signature)
//   JSON has "seq" and "prev": sha256(the whole line before)
//   the signature is over the head's text: "bridle-ledger-1 SEQ SHA256\n"
//
// Each line commits to every byte before it, so that the signature of the last one, the head,
// vouches for the whole file; and a head that somebody else kept shows a tail that was cut off.
//
// Two rules are about meaning: the first entry is the note "ledger.begin" that names format and
// key; an outcome names an intent that is still open, so no act ends twice.
//
// Thread class: values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/entry.h"
#include "ledger/keys.h"

namespace bridle::ledger {

// The ledger at one moment: enough for a witness to hold the host to its word.
struct Head {
  uint64_t seq = 0;  // 0: the empty ledger, which nobody signs
  Sha256 hash{};     // of the JSON of entry seq
  Signature signature{};
  bool operator==(const Head&) const = default;

  std::string signed_text() const;                   // what the signature is over
  std::string text() const;                          // "SEQ SHA256 SIGNATURE": as saved in files
  static Result<Head> parse(std::string_view text);  // a trailing "\n" is accepted
};

struct Line {
  Record record;
  Head head;
  bool operator==(const Line&) const = default;
};

// Takes a line (without "\n") apart. Checks its form and its own hash, not its place in the chain.
Result<Line> parse_line(std::string_view line);
// Its inverse: the exact bytes, without "\n".
std::string line_text(const Line& line);

// The end of a chain: what the next line must fit to.
class Chain {
 public:
  const Head& head() const { return head_; }
  uint64_t next_seq() const { return head_.seq + 1; }
  // Intents without outcome, by seq.
  const std::map<uint64_t, Entry>& open_intents() const { return open_; }

  // The next line, signed, ready to be written; advance() then makes it part of the chain.
  // Code::invalid: the entry breaks a rule; exhausted: too many open intents.
  struct Next {
    Record record;
    Head head;
    std::string text;  // without "\n"
  };
  Result<Next> prepare(const Entry& entry, const Signer& signer) const;
  // REQUIRES: next was prepared by this chain, which has not moved since.
  void advance(const Next& next);
  // Checks that line is the next one, and moves on. Code::corrupt. Signatures are not checked.
  Result<Line> accept(std::string_view line);

  // The first entry of a ledger.
  static Entry begin(WallTime at, const std::string& fingerprint);

 private:
  Status check_place(const Record& record) const;
  Status check_meaning(uint64_t seq, const Entry& entry) const;
  void advance(const Record& record, const Head& head, std::string_view line);

  Head head_;
  Sha256 last_line_{};
  std::map<uint64_t, Entry> open_;
};

}  // namespace bridle::ledger
