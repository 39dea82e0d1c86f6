// LedgerSink: the seam through which everything writes the ledger. LedgerFile is the real one,
// MemoryLedger the simulator's.
//
//   BRIDLE_TRY(uint64_t intent, sink.append(entry));   // phase intent
//   BRIDLE_CHECK(sink.sync());                          // before the act
//   ... act ...
//   BRIDLE_TRY(uint64_t seq, sink.append(outcome));     // of = intent
//   ... the owner syncs soon (a timer)
//
// An act whose intent cannot be synced must not be done.
//
// Thread class: one thread (the owner's). Errors: Code::invalid (the entry breaks a rule of
// entry.h, or its `of` names no open intent), exhausted (disk full: nothing was recorded, the
// ledger lives on), internal (the disk failed: every later call fails; open it again).
#pragma once

#include <vector>

#include "ledger/chain.h"

namespace bridle::ledger {

class LedgerSink {
 public:
  virtual ~LedgerSink() = default;

  // Adds the entry; returns its seq. It survives the death of the process; of the host, after
  // sync().
  virtual Result<uint64_t> append(const Entry& entry) = 0;
  virtual Status sync() = 0;

  // Every later call fails (a sync failed): the owner ends and opens it again.
  virtual bool broken() const { return false; }

  virtual Head head() const = 0;         // of everything appended
  virtual Head synced_head() const = 0;  // of what is durable: what may be shown to a witness
  // Intents without outcome. Right after opening these are what a crash interrupted: the owner
  // closes each with an outcome, code "recovered".
  virtual const std::map<uint64_t, Entry>& open_intents() const = 0;
  // Lines after seq `after`, at most limit.
  virtual Result<std::vector<Line>> read(uint64_t after, size_t limit) = 0;
};

}  // namespace bridle::ledger
