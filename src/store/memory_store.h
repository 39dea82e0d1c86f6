// MemoryStore: a Store in memory, for the simulator and for tests of what stands on a store. It
// keeps exactly the rules of the others (one conformance suite) and adds faults:
//
//   crash(random)      the host dies: of the lazy commits that no full commit, flush(), grant() or
//                      revoke() followed, a random suffix is lost. What was full stays. The
//                      subscriber and every deadline are forgotten, as a restart forgets them.
//   fail_next(code)    the next commit fails and changes nothing
//   lose_next_reply()  the next commit takes effect and yet reports Code::unreachable: the caller
//                      cannot know (a fleet's store behaves so when its reply is lost)
//
// Deterministic: the same calls and the same Random give the same store.
//
// Thread class: one thread.
#pragma once

#include <deque>
#include <map>

#include "base/random.h"
#include "store/rules.h"
#include "store/store.h"

namespace bridle::store {

struct MemoryOptions {
  size_t max_changes = 100'000;
  size_t max_change_bytes = 64 << 20;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const MemoryOptions& options = {}) : options_(options) {}

  Status copy_to(const std::string&) override {
    return Error(Code::refused, "a store in memory has no file to copy");
  }
  void crash(Random& random);
  // A clean stop and start: nothing is lost.
  void restart();
  void fail_next(Code code) { fail_next_ = code; }
  void lose_next_reply() { lose_next_reply_ = true; }
  // Lazy commits that a crash may take now.
  size_t at_risk() const { return pending_.size(); }

  Result<std::optional<Entry>> get(std::string_view key) override;
  Result<Listing> list(std::string_view prefix, std::string_view after = {},
                       size_t limit = 0) override;
  Result<Revision> commit(const std::vector<Write>& writes, Durability durability) override;
  Status flush() override;
  Revision revision() override { return revision_; }
  Result<std::vector<Change>> changes(std::string_view prefix, Revision since,
                                      size_t limit) override;
  Revision oldest() override { return history_.oldest(); }
  Status compact(Revision upto) override;
  void subscribe(std::function<void(Revision)> doorbell) override {
    doorbell_ = std::move(doorbell);
  }
  Result<LeaseId> grant(Duration ttl, Tick now) override;
  Status keep_alive(LeaseId lease, Tick now) override { return leases_.keep_alive(lease, now); }
  Status revoke(LeaseId lease) override;
  Status expire(Tick now) override;

 private:
  // A lazy commit that is not durable yet: what it replaced, to take it back.
  struct Pending {
    Revision revision = 0;
    std::vector<std::pair<std::string, std::optional<Entry>>> before;
  };

  Status check(const std::vector<Write>& writes) const;
  Result<Revision> apply(const std::vector<Write>& writes, Durability durability);
  std::optional<Entry> step(const Write& write);
  void add_change(std::string_view key, std::optional<std::string> value);
  void forget_upto(Revision upto);
  void take_back(const Pending& commit);
  Status end_leases(const std::vector<LeaseId>& due);

  const MemoryOptions options_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::deque<Change> changes_;
  size_t change_bytes_ = 0;
  Revision revision_ = 0;
  History history_;
  Leases leases_;
  LeaseId next_lease_ = 1;
  std::vector<Pending> pending_;
  std::optional<Code> fail_next_;
  bool lose_next_reply_ = false;
  std::function<void(Revision)> doorbell_;
};

}  // namespace bridle::store
