// Writer: brings what the controller decided into the store, without churn.
//
// Loops change row.object.status (or metadata) and say so here; flush() packs everything that waits
// into one transaction, one at a time: while it is under way, more changes add up. The transaction
// is durable (full) if anything in it is urgent. A status equal to the stored one is not written.
//
// Each write expects the revision that the row has, so no update of a user is lost: if a
// transaction of several objects loses a race, they are tried one by one; the loser waits for the
// change that beat it, and its loop decides anew.
//
// Thread class: the controller's.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "fleet/context.h"
#include "fleet/objects.h"

namespace bridle::fleet {

class Writer {
 public:
  Writer(Context& context, Objects& objects) : context_(context), objects_(objects) {}

  // The status that the object shall have. urgent: durable before pending() is false.
  void status(Row& row, model::json::object status, bool urgent = false);
  void put_spec(Row& row);  // its metadata changed (finalizers)
  void remove(Row& row);    // both keys
  // Something urgent, a spec or a removal is not in the store yet.
  static bool pending(const Row& row);

  void event(std::string key, std::string value);
  void drop_event(std::string key);

  void flush();
  // True if the answer was one of this writer's.
  bool on(const Committed& committed);
  bool on_timer(Token token);
  bool idle() const { return in_flight_ == 0 && dirty_.empty() && events_.empty(); }

 private:
  struct Sent {
    std::string ref;
    Revision spec_revision, status_revision;
    Row::SpecWrite spec_write;
    bool wrote_status;
    std::string status_text;
  };
  bool add(Row& row, std::vector<store::Write>& writes);
  void succeeded(const Sent& sent, Revision revision);
  void failed(const Sent& sent, bool conflict, bool alone);

  Context& context_;
  Objects& objects_;
  std::set<std::string> dirty_;
  std::deque<store::Write> events_;
  std::vector<Sent> sent_;
  std::vector<store::Write> sent_events_;
  Token in_flight_ = 0;
  Token retry_ = 0;
  bool one_by_one_ = false;
};

}  // namespace bridle::fleet
