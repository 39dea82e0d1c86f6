#include "store/memory_store.h"

#include <algorithm>
#include <utility>

namespace bridle::store {
namespace {

size_t size_of(const Change& change) {
  return change.key.size() + (change.value ? change.value->size() : 0);
}

bool begins_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

// ---- faults -------------------------------------------------------------------------------------

void MemoryStore::crash(Random& random) {
  const size_t kept = static_cast<size_t>(random.below(pending_.size() + 1));
  const Revision seen = revision_;
  for (size_t i = pending_.size(); i > kept; --i) take_back(pending_[i - 1]);
  if (revision_ != seen) {
    history_.add_gap({revision_, seen + 1});
    revision_ = seen + 1;
  }
  restart();
}

void MemoryStore::restart() {
  pending_.clear();
  fail_next_.reset();
  lose_next_reply_ = false;
  doorbell_ = nullptr;
  leases_.forget_deadlines();
}

void MemoryStore::take_back(const Pending& commit) {
  for (const auto& [key, entry] : commit.before) {
    if (entry)
      entries_[key] = *entry;
    else
      entries_.erase(key);
  }
  while (!changes_.empty() && changes_.back().revision >= commit.revision) {
    change_bytes_ -= size_of(changes_.back());
    changes_.pop_back();
  }
  revision_ = commit.revision - 1;
}

// ---- reading ------------------------------------------------------------------------------------

Result<std::optional<Entry>> MemoryStore::get(std::string_view key) {
  BRIDLE_CHECK(check_key(key));
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::optional<Entry>();
  return std::optional<Entry>(found->second);
}

Result<Listing> MemoryStore::list(std::string_view prefix, std::string_view after, size_t limit) {
  Listing out;
  out.revision = revision_;
  auto at = after < prefix ? entries_.lower_bound(prefix) : entries_.upper_bound(after);
  for (; at != entries_.end() && begins_with(at->first, prefix); ++at) {
    if (limit != 0 && out.entries.size() == limit) {
      out.more = true;
      break;
    }
    out.entries.push_back(at->second);
  }
  return out;
}

Result<std::vector<Change>> MemoryStore::changes(std::string_view prefix, Revision since,
                                                 size_t limit) {
  BRIDLE_CHECK(history_.check(since, revision_));
  const auto after = [](Revision revision, const Change& c) { return revision < c.revision; };
  auto at = std::upper_bound(changes_.begin(), changes_.end(), since, after);
  std::vector<Change> out;
  for (; at != changes_.end(); ++at) {
    if (limit != 0 && out.size() >= limit && at->revision != out.back().revision) break;
    if (begins_with(at->key, prefix)) out.push_back(*at);
  }
  return out;
}

// ---- writing ------------------------------------------------------------------------------------

Result<Revision> MemoryStore::commit(const std::vector<Write>& writes, Durability durability) {
  BRIDLE_CHECK(check_transaction(writes));
  if (const auto code = std::exchange(fail_next_, std::nullopt))
    return Error(*code, "the store failed as it was told to");
  BRIDLE_CHECK(check(writes));
  const bool reply_is_lost = std::exchange(lose_next_reply_, false);
  auto done = apply(writes, durability);
  if (reply_is_lost) return Error(Code::unreachable, "the store's reply was lost");
  return done;
}

Status MemoryStore::flush() {
  pending_.clear();
  return {};
}

Status MemoryStore::check(const std::vector<Write>& writes) const {
  for (const Write& write : writes) {
    const auto found = entries_.find(write.key);
    std::optional<Revision> modified;
    if (found != entries_.end()) modified = found->second.modified;
    BRIDLE_CHECK(check_expected(write, modified));
    if (write.kind == Write::Kind::put) BRIDLE_CHECK(leases_.check(write.lease));
  }
  return {};
}

// REQUIRES: the writes were checked.
Result<Revision> MemoryStore::apply(const std::vector<Write>& writes, Durability durability) {
  Pending commit{++revision_, {}};
  for (const Write& write : writes) {
    if (write.kind != Write::Kind::check) commit.before.emplace_back(write.key, step(write));
  }
  if (durability == Durability::full)
    pending_.clear();
  else
    pending_.push_back(std::move(commit));
  while (changes_.size() > options_.max_changes || change_bytes_ > options_.max_change_bytes)
    forget_upto(changes_.front().revision);
  if (doorbell_) doorbell_(revision_);
  return revision_;
}

// Carries out one write; returns what was there before.
std::optional<Entry> MemoryStore::step(const Write& write) {
  const auto found = entries_.find(write.key);
  std::optional<Entry> before;
  if (found != entries_.end()) before = found->second;
  if (write.kind == Write::Kind::put) {
    const Revision created = before ? before->created : revision_;
    entries_[write.key] = {write.key, write.value, created, revision_, write.lease};
    add_change(write.key, write.value);
  } else if (before) {
    entries_.erase(found);
    add_change(write.key, std::nullopt);
  }
  return before;
}

void MemoryStore::add_change(std::string_view key, std::optional<std::string> value) {
  changes_.push_back({revision_, std::string(key), std::move(value)});
  change_bytes_ += size_of(changes_.back());
}

// ---- history ------------------------------------------------------------------------------------

void MemoryStore::forget_upto(Revision upto) {
  while (!changes_.empty() && changes_.front().revision <= upto) {
    change_bytes_ -= size_of(changes_.front());
    changes_.pop_front();
  }
  history_.compact(upto);
}

Status MemoryStore::compact(Revision upto) {
  if (upto > revision_)
    return Error(Code::invalid, "cannot compact up to revision " + std::to_string(upto) +
                                    ": the store is at " + std::to_string(revision_));
  forget_upto(upto);
  return {};
}

// ---- leases -------------------------------------------------------------------------------------

Result<LeaseId> MemoryStore::grant(Duration ttl, Tick now) {
  BRIDLE_CHECK(check_ttl(ttl));
  pending_.clear();  // a grant is durable, and so is what came before it
  leases_.grant(next_lease_, ttl, now);
  return next_lease_++;
}

Status MemoryStore::revoke(LeaseId lease) {
  if (lease == 0) return Error(Code::not_found, "0 is no lease");
  BRIDLE_CHECK(leases_.check(lease));
  return end_leases({lease});
}

Status MemoryStore::expire(Tick now) {
  const auto due = leases_.due(now);
  return due.empty() ? Status() : end_leases(due);
}

Status MemoryStore::end_leases(const std::vector<LeaseId>& due) {
  std::vector<Write> writes;
  for (const auto& [key, entry] : entries_)
    if (std::find(due.begin(), due.end(), entry.lease) != due.end())
      writes.push_back({Write::Kind::remove, key});
  if (writes.empty()) {
    pending_.clear();
  } else {
    BRIDLE_TRY([[maybe_unused]] const Revision at, apply(writes, Durability::full));
  }
  for (const LeaseId lease : due) leases_.forget(lease);
  return {};
}

}  // namespace bridle::store
