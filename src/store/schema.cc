#include "store/schema.h"

#include <sqlite3.h>

#include <cstring>

#include "base/hash.h"

namespace bridle::store {
namespace {

constexpr int application_id = 0x42524451;  // "BRDQ": says that a database is ours

struct Migration {
  int to;
  const char* sql;
};

constexpr Migration migrations[] = {
    {1, R"(
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 0), ('compacted', 0);
CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, created INTEGER NOT NULL,
                      modified INTEGER NOT NULL);
CREATE TABLE changes (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB);
PRAGMA application_id = 1112687697;
)"},
    // Leases, gaps left by crashes, a checksum in each row.
    {2, R"(
INSERT INTO meta SELECT 'ceiling', value FROM meta WHERE name = 'revision';
INSERT INTO meta VALUES ('clean', 1), ('next_lease', 1);
ALTER TABLE entries ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE entries SET sum = bridle_row_sum(key, value, created, modified, lease);
CREATE INDEX leased ON entries (lease) WHERE lease <> 0;
CREATE TABLE leases (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);
CREATE TABLE gaps (kept INTEGER NOT NULL, resumed INTEGER PRIMARY KEY);
)"},
};

static_assert(application_id == 1112687697);

std::string_view bytes_of(sqlite3_value* value) {
  const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
  return bytes ? std::string_view(bytes, static_cast<size_t>(sqlite3_value_bytes(value)))
               : std::string_view();
}

void row_sum_in_sql(sqlite3_context* context, int, sqlite3_value** values) {
  const auto number = [&](int i) { return static_cast<uint64_t>(sqlite3_value_int64(values[i])); };
  sqlite3_result_int64(
      context, row_sum(bytes_of(values[0]), bytes_of(values[1]), number(2), number(3), number(4)));
}

Status add_functions(Database& db) {
  const int code =
      sqlite3_create_function(db.handle(), "bridle_row_sum", 5, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                              nullptr, row_sum_in_sql, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(code, "adding bridle_row_sum");
  return {};
}

Status check_ours(Database& db, const std::string& path, int64_t version) {
  BRIDLE_TRY(const int64_t id, db.query_integer("PRAGMA application_id"));
  BRIDLE_TRY(const int64_t tables, db.query_integer("SELECT count(*) FROM sqlite_schema"));
  const bool empty = id == 0 && version == 0 && tables == 0;
  if (!empty && id != application_id)
    return Error(Code::corrupt, path + " is a database, but not a Bridle store: move it away");
  if (version <= schema_version) return {};
  return Error(Code::refused, "downgrade refused: the store has schema " + std::to_string(version) +
                                  ", written by a newer Bridle; this one knows up to " +
                                  std::to_string(schema_version) +
                                  ": install the newer one again, or restore the backup that was "
                                  "made before the upgrade");
}

Status apply(Database& db, const Migration& migration) {
  const std::string sql = std::string("BEGIN IMMEDIATE;") + migration.sql +
                          "PRAGMA user_version = " + std::to_string(migration.to) + ";COMMIT;";
  Status done = db.execute(sql).context("migrating to schema " + std::to_string(migration.to));
  if (!done && db.in_transaction()) (void)db.execute("ROLLBACK");
  return done;
}

}  // namespace

Status migrate(Database& db, const std::string& path) {
  BRIDLE_TRY(const int64_t version, db.query_integer("PRAGMA user_version"));
  BRIDLE_CHECK(check_ours(db, path, version));
  BRIDLE_CHECK(add_functions(db));
  for (const Migration& migration : migrations)
    if (migration.to > version) BRIDLE_CHECK(apply(db, migration));
  return {};
}

int64_t row_sum(std::string_view key, std::string_view value, Revision created, Revision modified,
                LeaseId lease) {
  const std::string head = std::to_string(key.size()) + ' ' + std::to_string(created) + ' ' +
                           std::to_string(modified) + ' ' + std::to_string(lease) + ' ';
  Sha256Stream stream;
  stream.update(head);
  stream.update(key);
  stream.update(value);
  const Sha256 digest = stream.finish();
  int64_t sum = 0;
  for (size_t i = 0; i < 8; ++i)
    sum = static_cast<int64_t>(static_cast<uint64_t>(sum) << 8 | digest[i]);
  return sum;
}

}  // namespace bridle::store
