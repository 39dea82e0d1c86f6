// Scribe: writes the ledger without holding up the loop. Entries asked for while a sync runs share
// the next one, and so do entries of one turn of the loop: a burst of acts costs one sync.
//
// Thread class: the loop's thread; the ledger itself is used by the worker, under a lock.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "daemon/loop.h"
#include "daemon/worker.h"
#include "ledger/ledger_sink.h"

namespace bridle::daemon {

class Scribe {
 public:
  using Done = std::function<void(Result<uint64_t>)>;

  Scribe(Loop& loop, Worker& worker, ledger::LedgerSink& ledger)
      : loop_(loop), worker_(worker), ledger_(ledger) {}

  // Called once, on the loop's thread, when the ledger records nothing more until it is opened
  // again.
  void on_broken(std::function<void(const Error&)> call) { tell_broken_ = std::move(call); }

  // done(seq) when the entry is durable.
  void write(ledger::Entry entry, Done done);
  Result<std::vector<ledger::Line>> read(uint64_t after, size_t limit);
  struct Figures {
    uint64_t entries = 0;
    uint64_t open_intents = 0;
  };
  // Waits for a sync that is under way.
  Figures figures();

 private:
  using Batch = std::vector<std::pair<ledger::Entry, Done>>;

  void begin_batch();
  void tell_if_broken(const std::vector<Result<uint64_t>>& seqs);
  std::vector<Result<uint64_t>> record(const Batch& batch);

  Loop& loop_;
  Worker& worker_;
  std::mutex mutex_;
  ledger::LedgerSink& ledger_;  // guarded by mutex_
  Batch waiting_;
  bool writing_ = false;
  std::function<void(const Error&)> tell_broken_;
};

}  // namespace bridle::daemon
