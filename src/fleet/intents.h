// Intents: the ledger's side of the controller. Every act is announced (intent), the announcement
// is synced, then the act is done, then its outcome follows:
//
//   uint64_t id = intents.open(ref, "start", ref, "boot 3");   // -> LedgerAppend
//   ... later steps: if (intents.seq(id)) act; ...
//   intents.close(id, true, "running");                        // -> LedgerAppend
//
// close() before the sync is allowed (the act was given up): the outcome waits for the number. An
// outcome that could not be written is tried again. Thread class: the controller's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/context.h"
#include "fleet/objects.h"

namespace bridle::fleet {

class Intents {
 public:
  using Id = uint64_t;  // 0: none

  Intents(Context& context, Objects& objects) : context_(context), objects_(objects) {}

  // `owner` is touched when the answer comes.
  Id open(std::string owner, std::string_view verb, std::string_view object, std::string detail);
  // Empty: not synced (yet).
  std::optional<uint64_t> seq(Id id) const;
  // The ledger could not take it; the intent is gone.
  bool failed(Id id) const { return id != 0 && !open_.contains(id); }
  // Clears id. 0 is fine.
  void close(Id& id, bool ok, std::string detail);
  void note(std::string_view verb, std::string_view object, std::string detail);
  // Closes what an earlier life of the daemon left open.
  void recover(const OpenIntent& intent, std::string detail);

  bool on(const LedgerSynced& synced);
  bool on_timer(Token token);
  bool idle() const { return open_.empty() && outcomes_.empty() && again_.empty(); }

 private:
  struct Open {
    std::string owner, verb, object;
    Token token = 0;
    uint64_t seq = 0;
    bool closed = false, ok = false;
    std::string detail;
  };
  void append(LedgerAppend outcome);
  void finish(Open& open);

  Context& context_;
  Objects& objects_;
  std::map<Id, Open> open_;
  std::map<Token, Id> syncing_;
  std::map<Token, LedgerAppend> outcomes_;  // not known to be written
  std::vector<LedgerAppend> again_;
  Token retry_ = 0;
  Id last_ = 0;
};

}  // namespace bridle::fleet
