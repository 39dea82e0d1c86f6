// The rules that every Store keeps, as pure functions and values: what a valid transaction is,
// when an expectation holds, what history can still be asked for, when a lease is due. SQLite and
// memory store share them, so that they cannot differ.
//
// Thread class: values and free functions. No I/O.
#pragma once

#include <map>
#include <vector>

#include "store/store.h"

namespace bridle::store {

constexpr size_t max_key = 512;        // bytes
constexpr size_t max_value = 1 << 20;  // bytes
constexpr size_t max_writes = 1024;    // of one transaction

// UTF-8 without control characters, begins with '/', at most max_key bytes.
Status check_key(std::string_view key);
// Everything about a transaction that can be judged without looking at the store: not empty, at
// most max_writes, each key valid and only once, values within bounds, each check expects
// something.
Status check_transaction(const std::vector<Write>& writes);
// `modified`: the revision that last wrote the key; empty: the key is absent.
Status check_expected(const Write& write, std::optional<Revision> modified);

// The smallest string that is greater than every string that begins with prefix; empty: none.
std::optional<std::string> prefix_end(std::string_view prefix);

// What may be asked of changes(). Revisions of lazy commits that a crash took back were perhaps
// seen by a watcher: the store never gives them out again but jumps over them, and whoever asks
// from inside such a gap has seen what did not stay, and must list again.
class History {
 public:
  struct Gap {
    Revision kept = 0;     // the last revision that survived
    Revision resumed = 0;  // where the store went on; asking from kept or resumed is fine
    bool operator==(const Gap&) const = default;
  };

  Revision oldest() const { return compacted_; }
  const std::vector<Gap>& gaps() const { return gaps_; }

  // Code::gone if history after `since` is not (all) known. `now`: the store's revision.
  Status check(Revision since, Revision now) const;
  void compact(Revision upto);
  void add_gap(Gap gap) { gaps_.push_back(gap); }

 private:
  Revision compacted_ = 0;
  std::vector<Gap> gaps_;
};

// Leases: who is alive until when. Ticks mean nothing after a reboot, so deadlines are not stored:
// after reopening, the first call that tells the time gives every lease its whole time again.
class Leases {
 public:
  void restore(LeaseId lease, Duration ttl) { leases_[lease] = {ttl, std::nullopt}; }
  void grant(LeaseId lease, Duration ttl, Tick now) { leases_[lease] = {ttl, now + ttl}; }
  Status keep_alive(LeaseId lease, Tick now);  // Code::not_found: unknown, or past its deadline
  // Code::not_found unless lease is 0 or known.
  Status check(LeaseId lease) const;
  std::vector<LeaseId> due(Tick now);
  void forget(LeaseId lease) { leases_.erase(lease); }
  void forget_deadlines();
  const auto& all() const { return leases_; }

 private:
  struct Lease {
    Duration ttl{};
    std::optional<Tick> deadline;
  };
  void arm(Tick now);
  std::map<LeaseId, Lease> leases_;
};

// Code::invalid unless 1 ms <= ttl <= 1 day.
Status check_ttl(Duration ttl);

}  // namespace bridle::store
