// Verifier: checks a ledger's bytes as they come, in pieces of any size, with bounded memory.
//
//   Verifier verifier(key);
//   verifier.expect(head_from_a_witness);
//   while (...) BRIDLE_CHECK(verifier.feed(piece));
//   BRIDLE_CHECK(verifier.finish());
//
// The first thing that is wrong ends it: Code::corrupt, "line N: reason"; every later call says
// the same. Every signature is checked, or only the last, which vouches for all (chain.h): the
// first takes 0.1 ms a line and finds where a forger with the wrong key began.
//
// Thread class: one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "ledger/chain.h"
#include "ledger/line_cutter.h"

namespace bridle::ledger {

enum class Signatures { last, every };

class Verifier {
 public:
  explicit Verifier(PublicKey key, Signatures signatures = Signatures::last)
      : key_(std::move(key)), signatures_(signatures) {}

  // A head seen earlier (kept by a witness): it must be signed by the key and be in this ledger.
  Status expect(const Head& head);
  // Called with every line that was accepted, in order. Signatures::last: its signature may be
  // found wrong later.
  void on_line(std::function<void(const Line&)> visitor) { visitor_ = std::move(visitor); }

  Status feed(std::string_view bytes);
  // The file has ended here. An empty ledger is Code::corrupt: there is always a first entry.
  Status finish();

  uint64_t lines() const { return chain_.head().seq; }
  const Chain& chain() const { return chain_; }

 private:
  Status line(std::string_view line);
  Status fail(const std::string& reason);
  Status check_signature(const Head& head) const;

  PublicKey key_;
  Signatures signatures_;
  std::function<void(const Line&)> visitor_;
  Chain chain_;
  LineCutter cutter_;
  std::map<uint64_t, Head> expected_;
  std::optional<Error> failed_;
};

}  // namespace bridle::ledger
