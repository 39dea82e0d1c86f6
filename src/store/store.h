// Store: where objects are kept. One interface; SQLite embedded, etcd for fleets.
//
// A store maps keys ("/spec/machine/lab/web") to byte values. Every commit is one transaction that
// raises the revision of the whole store by one and either happens entirely or not at all. Each key
// remembers the revision that last wrote it; a write may demand that this revision still be the
// expected one (compare-and-put), which is how everyone here avoids lost updates.
//
//   keys        UTF-8, at most 512 bytes, begin with '/'
//   values      at most 1 MiB
//   revision    0 is the empty store; the first commit makes 1
//   transaction at most 1,024 writes
//
// A transaction that succeeds raises the revision by one, also if it only checks or removes what is
// absent. One exception: after a crash that took back lazy commits, the store goes on above every
// revision it ever gave out, so that a revision never means two things (rules.h, History).
//
// Watch is pull plus a doorbell: subscribe() rings after each commit, changes() gives what happened
// after a revision; a revision is never split, so that the last change's revision is where to go
// on. Pages of list() are each exact at their own revision: who needs one picture lists, then
// applies changes() after the first page's revision. History before the compaction point is gone:
// Code::gone, whose message names the oldest revision that can still be asked for.
//
// Thread class: one thread (the owner's). Errors: Code::conflict (an expectation failed; the
// message names the key), exhausted (disk full, bounds), corrupt, gone, invalid.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace bridle::store {

using LeaseId = uint64_t;  // 0: none

struct Entry {
  std::string key;
  std::string value;
  Revision created = 0;   // revision of the commit that first wrote it (since it was last absent)
  Revision modified = 0;  // revision of the commit that last wrote it
  LeaseId lease = 0;
  bool operator==(const Entry&) const = default;
};

// One step of a transaction. `expected`: the key's `modified` must be this; 0 means absent; empty
// means anything goes.
struct Write {
  enum class Kind { put, remove, check };
  Kind kind = Kind::put;
  std::string key;
  std::string value = {};
  std::optional<Revision> expected = std::nullopt;
  LeaseId lease = 0;
};

// full: on disk when commit() returns (specs, operations). lazy: ordered, may lose its last second
// in a crash of the host (status).
enum class Durability { full, lazy };

struct Listing {
  std::vector<Entry> entries;  // by key, ascending
  Revision revision = 0;       // the listing is exactly the state at this revision
  bool more = false;           // limit cut it; go on with after = entries.back().key
};

struct Change {
  Revision revision = 0;
  std::string key;
  std::optional<std::string> value;  // empty: removed
  bool operator==(const Change&) const = default;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual Result<std::optional<Entry>> get(std::string_view key) = 0;
  // Keys that begin with prefix, after `after` (exclusive, may be empty), at most limit (0: all).
  virtual Result<Listing> list(std::string_view prefix, std::string_view after = {},
                               size_t limit = 0) = 0;
  // All writes or none. An empty transaction is Code::invalid. A key may occur once.
  virtual Result<Revision> commit(const std::vector<Write>& writes, Durability durability) = 0;

  // Puts every lazy commit on disk. The owner's timer calls it once a second.
  virtual Status flush() = 0;

  virtual Revision revision() = 0;
  // Changes after `since`, oldest first, at most limit (0: all) and the rest of the last one's
  // revision; Code::gone if since is before oldest(), was lost in a crash, or is in the future.
  virtual Result<std::vector<Change>> changes(std::string_view prefix, Revision since,
                                              size_t limit) = 0;
  // The smallest `since` that changes() still accepts.
  virtual Revision oldest() = 0;
  // Forgets history up to and including `upto`.
  virtual Status compact(Revision upto) = 0;

  // A copy of everything at this revision, without history, as a file (0600) that the same
  // implementation opens and that goes on above every revision this store gives out in its next
  // million. Code::refused: this implementation has no files. REQUIRES: nothing is at `path`.
  virtual Status copy_to(const std::string& path) = 0;

  // Called after each commit, on the owner's thread, with the new revision. One subscriber, who
  // does not call the store from within.
  virtual void subscribe(std::function<void(Revision)> doorbell) = 0;

  // Called once if the store can commit nothing more until it is opened again (a sync failed): the
  // owner ends and is started again. One subscriber.
  virtual void on_broken(std::function<void(const Error&)> call) { (void)call; }

  // Leases: keys written with a lease vanish in one commit when it expires. A put without a lease
  // detaches its key. Time to live: 1 ms to 24 h; reopening gives every lease its whole time again.
  // grant and revoke are durable when they return.
  virtual Result<LeaseId> grant(Duration ttl, Tick now) = 0;
  virtual Status keep_alive(LeaseId lease, Tick now) = 0;  // Code::not_found: it expired
  virtual Status revoke(LeaseId lease) = 0;
  // Expires what is due. Called by the owner's timer.
  virtual Status expire(Tick now) = 0;
};

}  // namespace bridle::store
