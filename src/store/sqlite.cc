#include "store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <algorithm>

#include "base/file.h"
#include "store/crash_vfs.h"

namespace bridle::store {
namespace {

Code code_of(int sqlite) {
  switch (sqlite & 0xff) {
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM:
      return Code::exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::conflict;
    default:
      return Code::internal;
  }
}

int note_log_pages(void* to, sqlite3*, const char*, int pages) {
  *static_cast<int*>(to) = pages;
  return SQLITE_OK;
}

// Makes the file (SQLite would make it 0644), and its name durable.
Status make_file(const std::string& path) {
  if (open_file(path, O_RDWR).ok()) return {};
  BRIDLE_TRY(const Fd made, open_file(path, O_RDWR | O_CREAT, 0600));
  const size_t slash = path.rfind('/');
  return sync_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

Error error_of(sqlite3* db, int code) {
  const std::string text = std::string("SQLite: ") + sqlite3_errmsg(db);
  if ((code & 0xff) != SQLITE_FULL) return Error(code_of(code), text);
  return Error(Code::exhausted,
               "no space is left on the host's disk for its state; nothing was changed; free some, "
               "then try again (" +
                   text + ")");
}

const char* not_null(std::string_view text) { return text.data() ? text.data() : ""; }

}  // namespace

Error sqlite_error(int code, std::string_view what) {
  return Error(code_of(code), std::string(what) + " (SQLite: " + sqlite3_errstr(code) + ")");
}

void Statement::Free::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

Statement::Run::~Run() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement::Run& Statement::Run::bound(int code) {
  if (failed_ == SQLITE_OK) failed_ = code;
  return *this;
}

Statement::Run& Statement::Run::text(std::string_view value) {
  return bound(sqlite3_bind_text(statement_, ++parameter_, not_null(value),
                                 static_cast<int>(value.size()), SQLITE_STATIC));
}

Statement::Run& Statement::Run::blob(std::string_view value) {
  return bound(sqlite3_bind_blob(statement_, ++parameter_, not_null(value),
                                 static_cast<int>(value.size()), SQLITE_STATIC));
}

Statement::Run& Statement::Run::integer(int64_t value) {
  return bound(sqlite3_bind_int64(statement_, ++parameter_, value));
}

Statement::Run& Statement::Run::null() {
  return bound(sqlite3_bind_null(statement_, ++parameter_));
}

Result<bool> Statement::Run::next() {
  const int code = failed_ != SQLITE_OK ? failed_ : sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(statement_);
  return error_of(db, code);
}

Status Statement::Run::finish() {
  while (true) {
    BRIDLE_TRY(const bool row, next());
    if (!row) return {};
  }
}

int64_t Statement::Run::integer_at(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::Run::bytes_at(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
  return bytes ? std::string(bytes, size) : std::string();
}

bool Statement::Run::null_at(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::string& path) {
  // Before SQLite opens it: closing any descriptor of it later would drop SQLite's POSIX locks.
  BRIDLE_CHECK(make_file(path));
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, crash_vfs());
  Database db(raw);
  if (code != SQLITE_OK) return sqlite_error(code, path);
  sqlite3_wal_hook(raw, note_log_pages, db.log_pages_.get());
  return db;
}

Status Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return error_of(db_.get(), code);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement(raw);
  if (code == SQLITE_OK) return statement;
  return error_of(db_.get(), code);
}

Result<int64_t> Database::query_integer(std::string_view sql) {
  BRIDLE_TRY(Statement statement, prepare(sql));
  auto run = statement.run();
  BRIDLE_TRY(const bool row, run.next());
  return row ? run.integer_at(0) : 0;
}

Result<std::string> Database::query_text(std::string_view sql) {
  BRIDLE_TRY(Statement statement, prepare(sql));
  auto run = statement.run();
  BRIDLE_TRY(const bool row, run.next());
  return row ? run.bytes_at(0) : std::string();
}

bool Database::sync_failed() const {
  const int code = sqlite3_extended_errcode(db_.get());
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

Status Database::checkpoint() {
  const int code =
      sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return error_of(db_.get(), code);
}

Status Database::write_log_again() {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  sqlite3_int64 size = 0;
  if (log == nullptr || log->pMethods == nullptr) return {};
  int code = log->pMethods->xFileSize(log, &size);
  std::string chunk(1 << 16, '\0');
  for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size;) {
    const int part = static_cast<int>(std::min<sqlite3_int64>(size - at, 1 << 16));
    code = log->pMethods->xRead(log, chunk.data(), part, at);
    if (code == SQLITE_OK) code = log->pMethods->xWrite(log, chunk.data(), part, at);
    at += part;
  }
  if (code == SQLITE_OK && size > 0) code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) return sqlite_error(code, "syncing the log again");
  return {};
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

}  // namespace bridle::store
