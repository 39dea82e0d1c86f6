// FakeLedger: entries, which of them are synced, and the rules of the book: an outcome closes an
// intent that is open, once; an act needs an intent that is synced and open.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/actions.h"
#include "sim/timeline.h"

namespace bridle::sim {

class FakeLedger {
 public:
  struct Entry {
    fleet::LedgerAppend::Phase phase;
    std::string verb, object;
    uint64_t of = 0;
    bool closed = false;
  };

  explicit FakeLedger(Checks& checks) : checks_(checks) {}

  // Its number; not durable yet.
  uint64_t append(const fleet::LedgerAppend& entry) {
    using Phase = fleet::LedgerAppend::Phase;
    entries_.push_back({entry.phase, entry.verb, entry.object, entry.of, false});
    if (entry.phase == Phase::outcome) {
      bool known = entry.of != 0 && entry.of <= synced_;
      checks_.require(known, "ledger: an outcome of " + entry.verb + " closes no synced intent");
      if (!known) return entries_.size();
      Entry& intent = entries_[entry.of - 1];
      checks_.require(intent.phase == Phase::intent && !intent.closed,
                      "ledger: intent " + std::to_string(entry.of) + " (" + intent.verb + " " +
                          intent.object + ") is closed twice");
      intent.closed = true;
    }
    return entries_.size();
  }
  // It could not be written: the number is spent on nothing.
  void refuse(uint64_t seq) { entries_[seq - 1].phase = fleet::LedgerAppend::Phase::note; }
  void sync() { synced_ = entries_.size(); }

  // The writer died: of what was not synced a part may be there.
  void crash(Dice& dice) {
    size_t keep = synced_ + dice.below(entries_.size() - synced_ + 1);
    for (size_t i = keep; i < entries_.size(); ++i)
      if (entries_[i].of != 0 && entries_[i].of <= entries_.size())
        entries_[entries_[i].of - 1].closed = false;
    entries_.resize(keep);
    synced_ = keep;
  }

  std::vector<fleet::OpenIntent> open() const {
    std::vector<fleet::OpenIntent> open;
    for (size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].phase == fleet::LedgerAppend::Phase::intent && !entries_[i].closed)
        open.push_back({i + 1, entries_[i].verb, entries_[i].object});
    return open;
  }

  // Is an act of this verb covered?
  void covers(uint64_t seq, std::string_view act, std::initializer_list<std::string_view> verbs) {
    bool synced = seq != 0 && seq <= synced_;
    checks_.require(synced, std::string(act) + " without a synced intent");
    if (!synced) return;
    const Entry& entry = entries_[seq - 1];
    checks_.require(entry.phase == fleet::LedgerAppend::Phase::intent && !entry.closed &&
                        std::find(verbs.begin(), verbs.end(), entry.verb) != verbs.end(),
                    std::string(act) + " under entry " + std::to_string(seq) + " (" + entry.verb +
                        "), which does not announce it or is closed");
  }

 private:
  Checks& checks_;
  std::vector<Entry> entries_;
  uint64_t synced_ = 0;
};

}  // namespace bridle::sim
