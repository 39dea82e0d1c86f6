#include "store/rules.h"

#include <algorithm>

#include "base/utf8.h"

namespace bridle::store {
namespace {

std::string number(uint64_t value) { return std::to_string(value); }

// A key as it may be shown: cut, and without bytes that a terminal would obey.
std::string shown(std::string_view key) {
  std::string out(key.substr(0, 64));
  for (char& c : out)
    if (static_cast<uint8_t>(c) < 0x20 || static_cast<uint8_t>(c) > 0x7e) c = '?';
  return key.size() > 64 ? out + "..." : out;
}

Error not_found(LeaseId lease) {
  return Error(Code::not_found, "lease " + number(lease) + " does not exist or has expired");
}

Status check_write(const Write& write) {
  BRIDLE_CHECK(check_key(write.key));
  if (write.value.size() > max_value)
    return Error(Code::exhausted, "value of " + write.key + " has " + number(write.value.size()) +
                                      " bytes; at most " + number(max_value) + " can be stored");
  if (write.kind == Write::Kind::check && !write.expected)
    return Error(Code::invalid, "check of " + write.key + " expects nothing; give a revision");
  return {};
}

}  // namespace

Status check_key(std::string_view key) {
  if (key.empty() || key[0] != '/')
    return Error(Code::invalid, "key '" + shown(key) + "' does not begin with '/'");
  if (key.size() > max_key)
    return Error(Code::exhausted, "key " + shown(key) + " has " + number(key.size()) +
                                      " bytes; at most " + number(max_key) + " are allowed");
  const auto control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(key.begin(), key.end(), control) || !valid_utf8(key))
    return Error(Code::invalid, "key " + shown(key) + " is not UTF-8 or has control characters");
  return {};
}

Status check_transaction(const std::vector<Write>& writes) {
  if (writes.empty()) return Error(Code::invalid, "a transaction needs at least one write");
  if (writes.size() > max_writes)
    return Error(Code::exhausted, "a transaction has at most " + number(max_writes) +
                                      " writes; this one has " + number(writes.size()));
  std::vector<std::string_view> keys;
  for (const Write& write : writes) {
    BRIDLE_CHECK(check_write(write));
    keys.push_back(write.key);
  }
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end())
    return Error(Code::invalid, "key " + std::string(*twice) + " occurs twice in a transaction");
  return {};
}

Status check_expected(const Write& write, std::optional<Revision> modified) {
  if (!write.expected || *write.expected == modified.value_or(0)) return {};
  const std::string wanted =
      *write.expected == 0 ? "to be absent" : "at revision " + number(*write.expected);
  const std::string found = modified ? "it is at revision " + number(*modified) : "it is absent";
  return Error(Code::conflict, "key " + write.key + " was expected " + wanted + ", but " + found);
}

std::optional<std::string> prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

Status History::check(Revision since, Revision now) const {
  const std::string asked = "changes after revision " + number(since);
  const std::string advice = "; the oldest revision that can be asked for is " +
                             number(compacted_) + ": list again, then watch from the listing";
  if (since < compacted_) return Error(Code::gone, asked + " were compacted" + advice);
  if (since > now)
    return Error(Code::gone,
                 asked + " are ahead of the store, which is at " + number(now) + advice);
  const auto inside = [&](const Gap& gap) { return gap.kept < since && since < gap.resumed; };
  if (std::any_of(gaps_.begin(), gaps_.end(), inside))
    return Error(Code::gone, asked + " were lost in a crash of the host" + advice);
  return {};
}

void History::compact(Revision upto) {
  compacted_ = std::max(compacted_, upto);
  std::erase_if(gaps_, [&](const Gap& gap) { return gap.resumed <= compacted_; });
}

void Leases::arm(Tick now) {
  for (auto& [id, lease] : leases_)
    if (!lease.deadline) lease.deadline = now + lease.ttl;
}

Status Leases::keep_alive(LeaseId lease, Tick now) {
  arm(now);
  const auto found = leases_.find(lease);
  if (found == leases_.end() || *found->second.deadline <= now) return not_found(lease);
  found->second.deadline = now + found->second.ttl;
  return {};
}

Status Leases::check(LeaseId lease) const {
  if (lease == 0 || leases_.count(lease) > 0) return {};
  return not_found(lease);
}

std::vector<LeaseId> Leases::due(Tick now) {
  arm(now);
  std::vector<LeaseId> out;
  for (const auto& [id, lease] : leases_)
    if (*lease.deadline <= now) out.push_back(id);
  return out;
}

void Leases::forget_deadlines() {
  for (auto& [id, lease] : leases_) lease.deadline.reset();
}

Status check_ttl(Duration ttl) {
  using namespace std::chrono_literals;
  if (ttl < 1ms || ttl > 24h)
    return Error(Code::invalid,
                 "a lease lasts from 1 ms to 24 h, not " + number(ttl.count()) + " ns");
  return {};
}

}  // namespace bridle::store
