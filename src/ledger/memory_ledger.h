// MemoryLedger: a LedgerSink in memory, for the simulator: the same chain and the same recovery as
// LedgerFile over a string of bytes, with faults:
//
//   crash(random, now)   the host dies and comes back: of the bytes that no sync() followed, a
//                        random part is lost (perhaps inside a line) or turned into zeros; then
//                        recovery, as LedgerFile::open() does it
//   restart()            the process dies and comes back: nothing is lost
//   fail_next(code)      the next append or sync fails and changes nothing
//
// Deterministic. Lines are "signed" with a hash, since a thousand simulations must be quick.
//
// Thread class: one thread.
#pragma once

#include "base/random.h"
#include "ledger/ledger_sink.h"

namespace bridle::ledger {

class MemoryLedger final : public LedgerSink {
 public:
  explicit MemoryLedger(WallTime now);

  // REQUIRES: nothing. Asserts that what was synced is there again.
  void crash(Random& random, WallTime now);
  void restart() { fail_next_.reset(); }
  void fail_next(Code code) { fail_next_ = code; }
  const std::string& bytes() const { return bytes_; }

  Result<uint64_t> append(const Entry& entry) override;
  Status sync() override;
  Head head() const override { return chain_.head(); }
  Head synced_head() const override { return synced_; }
  const std::map<uint64_t, Entry>& open_intents() const override { return chain_.open_intents(); }
  Result<std::vector<Line>> read(uint64_t after, size_t limit) override;

 private:
  std::optional<Error> failure();
  uint64_t add(const Chain::Next& next);

  Chain chain_;
  Head synced_;
  size_t synced_size_ = 0;
  std::string bytes_;
  std::vector<size_t> starts_;  // offset of each line
  std::optional<Code> fail_next_;
};

}  // namespace bridle::ledger
