#include "store/sqlite_store.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/crash_point.h"
#include "store/rules.h"
#include "store/schema.h"
#include "store/sqlite.h"

namespace bridle::store {
namespace {

struct Statements {
  Statement begin, commit, rollback;
  Statement get, put, remove, list, leased;
  Statement add_change, changes, oldest_changes, forget_changes;
  Statement set_meta, add_gap, forget_gaps, add_lease, remove_lease;
};

Status prepare_all(Database& db, Statements& out) {
  const std::pair<Statement*, const char*> all[] = {
      {&out.begin, "BEGIN IMMEDIATE"},
      {&out.commit, "COMMIT"},
      {&out.rollback, "ROLLBACK"},
      {&out.get, "SELECT key, value, created, modified, lease, sum FROM entries WHERE key = ?"},
      {&out.put,
       "INSERT INTO entries (key, value, created, modified, lease, sum) VALUES (?, ?, ?, ?, ?, ?) "
       "ON CONFLICT (key) DO UPDATE SET value = excluded.value, modified = excluded.modified, "
       "lease = excluded.lease, sum = excluded.sum"},
      {&out.remove, "DELETE FROM entries WHERE key = ?"},
      {&out.list,
       "SELECT key, value, created, modified, lease, sum FROM entries "
       "WHERE key >= ?1 AND key <> ?2 AND (?3 IS NULL OR key < ?3) ORDER BY key LIMIT ?4"},
      {&out.leased, "SELECT key FROM entries WHERE lease = ? AND lease <> 0 ORDER BY key"},
      {&out.add_change, "INSERT INTO changes (id, key, value) VALUES (?, ?, ?)"},
      {&out.changes, "SELECT id, key, value FROM changes WHERE id >= ? ORDER BY id"},
      {&out.oldest_changes,
       "SELECT id, length(CAST(key AS BLOB)) + coalesce(length(value), 0) FROM changes ORDER BY "
       "id"},
      {&out.forget_changes, "DELETE FROM changes WHERE id < ?"},
      {&out.set_meta, "UPDATE meta SET value = ?2 WHERE name = ?1"},
      {&out.add_gap, "INSERT INTO gaps (kept, resumed) VALUES (?, ?)"},
      {&out.forget_gaps, "DELETE FROM gaps WHERE resumed <= ?"},
      {&out.add_lease, "INSERT INTO leases (id, ttl) VALUES (?, ?)"},
      {&out.remove_lease, "DELETE FROM leases WHERE id = ?"},
  };
  for (const auto& [statement, sql] : all) {
    BRIDLE_TRY(*statement, db.prepare(sql));
  }
  return {};
}

int64_t first_id(Revision revision) { return static_cast<int64_t>(revision << change_bits); }
Revision revision_of(int64_t id) { return static_cast<uint64_t>(id) >> change_bits; }

Result<Entry> entry_of(const Statement::Run& run) {
  Entry entry{run.bytes_at(0), run.bytes_at(1), static_cast<uint64_t>(run.integer_at(2)),
              static_cast<uint64_t>(run.integer_at(3)), static_cast<uint64_t>(run.integer_at(4))};
  if (run.integer_at(5) ==
      row_sum(entry.key, entry.value, entry.created, entry.modified, entry.lease))
    return entry;
  return Error(Code::corrupt, "the stored value of " + entry.key +
                                  " fails its checksum: restore the store from a backup, or remove "
                                  "and apply this object again");
}

// Revisions between a copy and the store that goes on: none means two things (rules.h).
constexpr Revision copy_distance = 1 << 20;

class SqliteStore final : public Store {
 public:
  SqliteStore(Database db, const SqliteOptions& options) : db_(std::move(db)), options_(options) {}
  ~SqliteStore() override;
  Status load();

  Result<std::optional<Entry>> get(std::string_view key) override;
  Result<Listing> list(std::string_view prefix, std::string_view after, size_t limit) override;
  Result<Revision> commit(const std::vector<Write>& writes, Durability durability) override;
  Status flush() override;
  Revision revision() override { return state_.revision; }
  Result<std::vector<Change>> changes(std::string_view prefix, Revision since,
                                      size_t limit) override;
  Revision oldest() override { return state_.history.oldest(); }
  Status compact(Revision upto) override;
  void subscribe(std::function<void(Revision)> doorbell) override {
    doorbell_ = std::move(doorbell);
  }
  void on_broken(std::function<void(const Error&)> call) override {
    tell_broken_ = std::move(call);
  }
  Result<LeaseId> grant(Duration ttl, Tick now) override;
  Status keep_alive(LeaseId lease, Tick now) override { return leases_.keep_alive(lease, now); }
  Status revoke(LeaseId lease) override;
  Status expire(Tick now) override;
  Status copy_to(const std::string& path) override;

 private:
  // What is in memory and must agree with the file: replaced only when a commit succeeded.
  struct State {
    Revision revision = 0;
    Revision ceiling = 0;
    LeaseId next_lease = 1;
    History history;
    size_t change_count = 0;
    size_t change_bytes = 0;
  };

  Status synchronous(Durability durability);
  // Runs `work` on a copy of the state inside a transaction; both take effect or neither does.
  template <typename Work>
  Status transact(Durability durability, Work work);
  // The same for a new revision: work, then the bookkeeping of every commit, then the doorbell.
  template <typename Work>
  Result<Revision> commit_revision(Durability durability, Work work);

  Status set_meta(std::string_view name, uint64_t value);
  void checkpoint();
  void note_failure(const Error& error);
  Status load_history();
  Status resume();
  Result<std::optional<Entry>> find(std::string_view key);
  Status apply(State& next, const Write& write, size_t ordinal);
  Status put(State& next, const Write& write, Revision created);
  Status add_change(State& next, size_t ordinal, std::string_view key,
                    std::optional<std::string_view> value);
  Status raise_ceiling(State& next);
  Status forget_some(State& next);
  Status forget_upto(State& next, Revision upto);
  Status end_leases(const std::vector<LeaseId>& due);
  Result<std::vector<std::string>> keys_of(LeaseId lease);

  Database db_;  // before the statements: it outlives them
  Statements statements_;
  const SqliteOptions options_;
  std::optional<Durability> synchronous_;
  bool opened_ = false;
  State state_;
  Leases leases_;
  std::function<void(Revision)> doorbell_;
  std::optional<Error> broken_;
  std::function<void(const Error&)> tell_broken_;
};

SqliteStore::~SqliteStore() {
  // A store that cannot say that it ended cleanly is one that did not: resume() handles it.
  if (!opened_ || broken_) return;
  (void)transact(Durability::full, [&](State&) { return set_meta("clean", 1); });
}

Status SqliteStore::synchronous(Durability durability) {
  if (synchronous_ == durability) return {};
  synchronous_.reset();
  BRIDLE_CHECK(db_.execute(durability == Durability::full ? "PRAGMA synchronous = FULL"
                                                          : "PRAGMA synchronous = NORMAL"));
  synchronous_ = durability;
  return {};
}

template <typename Work>
Status SqliteStore::transact(Durability durability, Work work) {
  if (broken_) return *broken_;
  BRIDLE_CHECK(synchronous(durability));
  State next = state_;
  BRIDLE_CHECK(statements_.begin.run().finish());
  Status done = work(next);
  BRIDLE_CRASH_POINT("store.commit");
  if (done) done = statements_.commit.run().finish();
  if (!done) {
    note_failure(done.error());
    // SQLite has rolled back by itself after some failures (a full disk among them).
    if (db_.in_transaction()) (void)statements_.rollback.run().finish();
    return done;
  }
  BRIDLE_CRASH_POINT("store.committed");
  state_ = std::move(next);
  checkpoint();
  return {};
}

// One that fails for want of space is made up for after the next commit.
void SqliteStore::checkpoint() {
  if (db_.log_pages() < options_.checkpoint_pages) return;
  if (const Status done = db_.checkpoint(); !done) note_failure(done.error());
}

// REQUIRES: called before SQLite is asked for anything else.
void SqliteStore::note_failure(const Error& error) {
  if (broken_ || !db_.sync_failed()) return;
  broken_ =
      Error(Code::internal,
            "a sync of the store failed, and nobody can say what is on disk: the store commits "
            "nothing more until it is opened again (" +
                error.message() + ")");
  if (tell_broken_) tell_broken_(*broken_);
}

template <typename Work>
Result<Revision> SqliteStore::commit_revision(Durability durability, Work work) {
  if (state_.revision + 1 >= state_.ceiling) durability = Durability::full;
  const auto step = [&](State& next) -> Status {
    ++next.revision;
    BRIDLE_CHECK(work(next));
    BRIDLE_CHECK(set_meta("revision", next.revision));
    if (durability == Durability::full) BRIDLE_CHECK(raise_ceiling(next));
    return forget_some(next);
  };
  BRIDLE_CHECK(transact(durability, step));
  if (doorbell_) doorbell_(state_.revision);
  return state_.revision;
}

Status SqliteStore::set_meta(std::string_view name, uint64_t value) {
  auto run = statements_.set_meta.run();
  return run.text(name).integer(static_cast<int64_t>(value)).finish();
}

// ---- opening ------------------------------------------------------------------------------------

Status SqliteStore::load() {
  BRIDLE_CHECK(prepare_all(db_, statements_));
  BRIDLE_TRY(auto names, db_.prepare("SELECT name, value FROM meta"));
  const std::pair<std::string_view, uint64_t*> wanted[] = {{"revision", &state_.revision},
                                                           {"ceiling", &state_.ceiling},
                                                           {"next_lease", &state_.next_lease}};
  auto run = names.run();
  while (true) {
    BRIDLE_TRY(const bool row, run.next());
    if (!row) break;
    for (const auto& [name, value] : wanted)
      if (run.bytes_at(0) == name) *value = static_cast<uint64_t>(run.integer_at(1));
  }
  BRIDLE_CHECK(load_history());
  BRIDLE_TRY(auto leases, db_.prepare("SELECT id, ttl FROM leases"));
  auto each = leases.run();
  while (true) {
    BRIDLE_TRY(const bool row, each.next());
    if (!row) break;
    leases_.restore(static_cast<uint64_t>(each.integer_at(0)), Duration(each.integer_at(1)));
  }
  return resume();
}

Status SqliteStore::load_history() {
  BRIDLE_TRY(const int64_t compacted,
             db_.query_integer("SELECT value FROM meta WHERE name = 'compacted'"));
  state_.history.compact(static_cast<uint64_t>(compacted));
  BRIDLE_TRY(auto gaps, db_.prepare("SELECT kept, resumed FROM gaps ORDER BY resumed"));
  auto gap = gaps.run();
  while (true) {
    BRIDLE_TRY(const bool row, gap.next());
    if (!row) break;
    state_.history.add_gap(
        {static_cast<uint64_t>(gap.integer_at(0)), static_cast<uint64_t>(gap.integer_at(1))});
  }
  BRIDLE_TRY(const int64_t count, db_.query_integer("SELECT count(*) FROM changes"));
  BRIDLE_TRY(const int64_t bytes,
             db_.query_integer("SELECT coalesce(sum(length(CAST(key AS BLOB)) + "
                               "coalesce(length(value), 0)), 0) FROM changes"));
  state_.change_count = static_cast<size_t>(count);
  state_.change_bytes = static_cast<size_t>(bytes);
  return {};
}

// Marks the store as in use; jumps over what an unclean end may have taken.
Status SqliteStore::resume() {
  BRIDLE_TRY(const int64_t clean, db_.query_integer("SELECT value FROM meta WHERE name = 'clean'"));
  const auto work = [&](State& next) -> Status {
    if (clean == 0 && next.ceiling > next.revision + 1) {
      const History::Gap gap{next.revision, next.ceiling};
      auto run = statements_.add_gap.run();
      BRIDLE_CHECK(run.integer(static_cast<int64_t>(gap.kept))
                       .integer(static_cast<int64_t>(gap.resumed))
                       .finish());
      next.history.add_gap(gap);
      next.revision = gap.resumed;
      BRIDLE_CHECK(set_meta("revision", next.revision));
    }
    BRIDLE_CHECK(raise_ceiling(next));
    return set_meta("clean", 0);
  };
  BRIDLE_CHECK(transact(Durability::full, work));
  opened_ = true;
  return {};
}

// Lazy revisions stay below the ceiling. Called in full transactions only.
Status SqliteStore::raise_ceiling(State& next) {
  if (next.revision + options_.ceiling_step / 2 < next.ceiling) return {};
  next.ceiling = next.revision + options_.ceiling_step;
  return set_meta("ceiling", next.ceiling);
}

// ---- reading ------------------------------------------------------------------------------------

Result<std::optional<Entry>> SqliteStore::find(std::string_view key) {
  auto run = statements_.get.run();
  BRIDLE_TRY(const bool row, run.text(key).next());
  if (!row) return std::optional<Entry>();
  BRIDLE_TRY(Entry entry, entry_of(run));
  return std::optional<Entry>(std::move(entry));
}

Result<std::optional<Entry>> SqliteStore::get(std::string_view key) {
  BRIDLE_CHECK(check_key(key));
  return find(key);
}

Result<Listing> SqliteStore::list(std::string_view prefix, std::string_view after, size_t limit) {
  const auto end = prefix_end(prefix);
  auto run = statements_.list.run();
  // One lower bound: of two, SQLite would seek to the first, and walk from there each time.
  run.text(std::max(prefix, after)).text(after);
  end ? run.text(*end) : run.null();
  run.integer(limit == 0 ? -1 : static_cast<int64_t>(limit) + 1);
  Listing out;
  out.revision = state_.revision;
  while (true) {
    BRIDLE_TRY(const bool row, run.next());
    if (!row) return out;
    if (limit != 0 && out.entries.size() == limit) {
      out.more = true;
      return out;
    }
    BRIDLE_TRY(Entry entry, entry_of(run));
    out.entries.push_back(std::move(entry));
  }
}

Result<std::vector<Change>> SqliteStore::changes(std::string_view prefix, Revision since,
                                                 size_t limit) {
  BRIDLE_CHECK(state_.history.check(since, state_.revision));
  auto run = statements_.changes.run();
  run.integer(first_id(since + 1));
  std::vector<Change> out;
  while (true) {
    BRIDLE_TRY(const bool row, run.next());
    if (!row) return out;
    const Revision revision = revision_of(run.integer_at(0));
    if (limit != 0 && out.size() >= limit && revision != out.back().revision) return out;
    Change change{revision, run.bytes_at(1), std::nullopt};
    if (change.key.compare(0, prefix.size(), prefix) != 0) continue;
    if (!run.null_at(2)) change.value = run.bytes_at(2);
    out.push_back(std::move(change));
  }
}

// ---- writing ------------------------------------------------------------------------------------

Result<Revision> SqliteStore::commit(const std::vector<Write>& writes, Durability durability) {
  BRIDLE_CHECK(check_transaction(writes));
  return commit_revision(durability, [&](State& next) -> Status {
    for (size_t i = 0; i < writes.size(); ++i) BRIDLE_CHECK(apply(next, writes[i], i));
    return {};
  });
}

Status SqliteStore::flush() {
  // A commit that writes nothing is not synced: rewrite a value that is always there.
  return transact(Durability::full, [&](State& next) -> Status {
    BRIDLE_CHECK(set_meta("clean", 0));
    return raise_ceiling(next);
  });
}

Status SqliteStore::apply(State& next, const Write& write, size_t ordinal) {
  BRIDLE_TRY(const auto entry, find(write.key));
  BRIDLE_CHECK(check_expected(
      write, entry ? std::optional<Revision>(entry->modified) : std::optional<Revision>()));
  if (write.kind == Write::Kind::put) {
    BRIDLE_CHECK(put(next, write, entry ? entry->created : next.revision));
    return add_change(next, ordinal, write.key, write.value);
  }
  if (write.kind == Write::Kind::check || !entry) return {};
  BRIDLE_CHECK(statements_.remove.run().text(write.key).finish());
  return add_change(next, ordinal, write.key, std::nullopt);
}

Status SqliteStore::put(State& next, const Write& write, Revision created) {
  BRIDLE_CHECK(leases_.check(write.lease));
  const int64_t sum = row_sum(write.key, write.value, created, next.revision, write.lease);
  auto run = statements_.put.run();
  run.text(write.key).blob(write.value).integer(static_cast<int64_t>(created));
  run.integer(static_cast<int64_t>(next.revision)).integer(static_cast<int64_t>(write.lease));
  return run.integer(sum).finish();
}

Status SqliteStore::add_change(State& next, size_t ordinal, std::string_view key,
                               std::optional<std::string_view> value) {
  assert(ordinal < size_t{1} << change_bits);
  auto run = statements_.add_change.run();
  run.integer(first_id(next.revision) + static_cast<int64_t>(ordinal)).text(key);
  value ? run.blob(*value) : run.null();
  BRIDLE_CHECK(run.finish());
  next.change_count += 1;
  next.change_bytes += key.size() + (value ? value->size() : 0);
  return {};
}

// ---- history ------------------------------------------------------------------------------------

// Keeps history within its bounds; forgets a little more than needed, so that most commits do not
// have to.
Status SqliteStore::forget_some(State& next) {
  if (next.change_count <= options_.max_changes && next.change_bytes <= options_.max_change_bytes)
    return {};
  size_t count = next.change_count;
  size_t bytes = next.change_bytes;
  const auto spare = [&](size_t bound) { return bound - bound / 64; };
  Revision upto = 0;
  {
    auto run = statements_.oldest_changes.run();
    while (count > spare(options_.max_changes) || bytes > spare(options_.max_change_bytes)) {
      BRIDLE_TRY(const bool row, run.next());
      if (!row) break;
      upto = revision_of(run.integer_at(0));
      count -= 1;
      bytes -= static_cast<size_t>(run.integer_at(1));
    }
  }
  return forget_upto(next, upto);
}

Status SqliteStore::forget_upto(State& next, Revision upto) {
  auto run = statements_.oldest_changes.run();
  while (true) {
    BRIDLE_TRY(const bool row, run.next());
    if (!row || revision_of(run.integer_at(0)) > upto) break;
    next.change_count -= 1;
    next.change_bytes -= static_cast<size_t>(run.integer_at(1));
  }
  BRIDLE_CHECK(statements_.forget_changes.run().integer(first_id(upto + 1)).finish());
  next.history.compact(upto);
  BRIDLE_CHECK(
      statements_.forget_gaps.run().integer(static_cast<int64_t>(next.history.oldest())).finish());
  return set_meta("compacted", next.history.oldest());
}

Status SqliteStore::compact(Revision upto) {
  if (upto > state_.revision)
    return Error(Code::invalid, "cannot compact up to revision " + std::to_string(upto) +
                                    ": the store is at " + std::to_string(state_.revision));
  return transact(Durability::lazy, [&](State& next) { return forget_upto(next, upto); });
}

// ---- leases -------------------------------------------------------------------------------------

Result<LeaseId> SqliteStore::grant(Duration ttl, Tick now) {
  BRIDLE_CHECK(check_ttl(ttl));
  const LeaseId lease = state_.next_lease;
  const auto work = [&](State& next) -> Status {
    auto run = statements_.add_lease.run();
    BRIDLE_CHECK(run.integer(static_cast<int64_t>(lease)).integer(ttl.count()).finish());
    next.next_lease = lease + 1;
    return set_meta("next_lease", next.next_lease);
  };
  BRIDLE_CHECK(transact(Durability::full, work));
  leases_.grant(lease, ttl, now);
  return lease;
}

Status SqliteStore::revoke(LeaseId lease) {
  if (lease == 0) return Error(Code::not_found, "0 is no lease");
  BRIDLE_CHECK(leases_.check(lease));
  return end_leases({lease});
}

Status SqliteStore::expire(Tick now) {
  const auto due = leases_.due(now);
  return due.empty() ? Status() : end_leases(due);
}

Result<std::vector<std::string>> SqliteStore::keys_of(LeaseId lease) {
  auto run = statements_.leased.run();
  run.integer(static_cast<int64_t>(lease));
  std::vector<std::string> keys;
  while (true) {
    BRIDLE_TRY(const bool row, run.next());
    if (!row) return keys;
    keys.push_back(run.bytes_at(0));
  }
}

Status SqliteStore::end_leases(const std::vector<LeaseId>& due) {
  std::vector<std::string> keys;
  for (const LeaseId lease : due) {
    BRIDLE_TRY(auto some, keys_of(lease));
    keys.insert(keys.end(), some.begin(), some.end());
  }
  std::sort(keys.begin(), keys.end());
  const auto work = [&](State& next) -> Status {
    for (size_t i = 0; i < keys.size(); ++i) {
      BRIDLE_CHECK(statements_.remove.run().text(keys[i]).finish());
      BRIDLE_CHECK(add_change(next, i, keys[i], std::nullopt));
    }
    for (const LeaseId lease : due)
      BRIDLE_CHECK(statements_.remove_lease.run().integer(static_cast<int64_t>(lease)).finish());
    return {};
  };
  if (keys.empty()) {
    BRIDLE_CHECK(transact(Durability::full, work));
  } else {
    BRIDLE_TRY([[maybe_unused]] const Revision at, commit_revision(Durability::full, work));
  }
  for (const LeaseId lease : due) leases_.forget(lease);
  return {};
}

// ---- copies -------------------------------------------------------------------------------------

Status SqliteStore::copy_to(const std::string& path) {
  // The copy's schema is this program's: made as any new file is.
  {
    BRIDLE_TRY(Database copy, Database::open(path));
    BRIDLE_CHECK(copy.execute("PRAGMA page_size = 4096; PRAGMA synchronous = OFF"));
    BRIDLE_CHECK(migrate(copy, path));
  }
  auto attach = db_.prepare("ATTACH ? AS copy");
  if (!attach) return std::move(attach).error();
  BRIDLE_CHECK(attach->run().text(path).finish());
  const std::string ceiling = std::to_string(state_.ceiling + copy_distance);
  const std::string revision = std::to_string(state_.revision);
  const Status copied = db_.execute(
      "BEGIN;"
      "DELETE FROM copy.meta; INSERT INTO copy.meta SELECT name, value FROM main.meta;"
      "UPDATE copy.meta SET value = " +
      ceiling +
      " WHERE name = 'ceiling';"
      "UPDATE copy.meta SET value = " +
      revision +
      " WHERE name = 'compacted';"
      "UPDATE copy.meta SET value = 0 WHERE name = 'clean';"
      "INSERT INTO copy.entries (key, value, created, modified, lease, sum)"
      " SELECT key, value, created, modified, lease, sum FROM main.entries;"
      "INSERT INTO copy.leases (id, ttl) SELECT id, ttl FROM main.leases;"
      "COMMIT;");
  if (!copied && db_.in_transaction()) (void)db_.execute("ROLLBACK");
  const Status detached = db_.execute("DETACH copy");
  return copied.ok() ? detached : copied;
}

// ---- the file -----------------------------------------------------------------------------------

Status configure(Database& db, const SqliteOptions& options) {
  // Exclusive: one owner, and no shared-memory file. The log is cut after a checkpoint.
  BRIDLE_CHECK(db.execute("PRAGMA locking_mode = EXCLUSIVE"));
  BRIDLE_CHECK(db.execute("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY"));
  BRIDLE_CHECK(db.execute("PRAGMA page_size = 4096; PRAGMA journal_size_limit = 16777216"));
  BRIDLE_TRY(const std::string mode, db.query_text("PRAGMA journal_mode = WAL"));
  if (mode != "wal") return Error(Code::internal, "this file system cannot hold a SQLite WAL");
  if (options.max_pages == 0) return {};
  return db.execute("PRAGMA max_page_count = " + std::to_string(options.max_pages));
}

Status check_integrity(Database& db) {
  BRIDLE_TRY(const std::string found, db.query_text("PRAGMA integrity_check(1)"));
  if (found == "ok") return {};
  return Error(Code::corrupt, "SQLite: " + found);
}

// Says what to do about the errors that an operator can do something about.
Error advised(Error error, const std::string& path) {
  const std::string what = path + ": " + error.message();
  if (error.code() == Code::corrupt)
    return Error(Code::corrupt, what + ". The store is damaged: stop bridled, keep " + path +
                                    "* as evidence, and restore a backup ('bridle restore'); "
                                    "guests go on running meanwhile");
  if (error.code() == Code::conflict)
    return Error(Code::conflict, what +
                                     ". Another process has the store open: is a second bridled "
                                     "running for this root?");
  return std::move(error).context(path);
}

Result<std::unique_ptr<Store>> open_checked(const std::string& path, const SqliteOptions& options) {
  BRIDLE_TRY(Database db, Database::open(path));
  BRIDLE_CHECK(configure(db, options));
  BRIDLE_CHECK(check_integrity(db));
  BRIDLE_CHECK(db.write_log_again());
  BRIDLE_CHECK(migrate(db, path));
  auto store = std::make_unique<SqliteStore>(std::move(db), options);
  BRIDLE_CHECK(store->load());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const SqliteOptions& options) {
  auto store = open_checked(path, options);
  if (!store) return advised(std::move(store).error(), path);
  return store;
}

}  // namespace bridle::store
