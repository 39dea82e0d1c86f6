// A small RAII layer over SQLite's C API: a database, its statements, and errors as Result.
//
//   BRIDLE_TRY(Database db, Database::open(path));
//   BRIDLE_TRY(Statement get, db.prepare("SELECT value FROM entries WHERE key = ?"));
//   auto run = get.run();           // one execution; the statement is reset when `run` dies
//   run.text("/a");                 // parameters are bound in order; the bytes must outlive `run`
//   BRIDLE_TRY(bool row, run.next());
//   if (row) use(run.blob(0));
//
// Errors: exhausted (disk full), corrupt (SQLite found damage, or the file is no database),
// conflict (another process has it), internal (the rest). Messages carry SQLite's own words.
// Thread class: one thread (SQLite is opened without its mutexes).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bridle::store {

class Statement {
 public:
  class Run {
   public:
    explicit Run(sqlite3_stmt* statement) : statement_(statement) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run();

    Run& text(std::string_view value);
    Run& blob(std::string_view value);
    Run& integer(int64_t value);
    Run& null();

    Result<bool> next();  // true: there is a row
    Status finish();      // runs to the end, whatever rows there are

    // Columns of the row that next() found. REQUIRES: next() was true.
    int64_t integer_at(int column) const;
    std::string bytes_at(int column) const;
    bool null_at(int column) const;

   private:
    Run& bound(int code);
    sqlite3_stmt* statement_;
    int parameter_ = 0;
    int failed_ = 0;  // the first failure of a bind
  };

  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Run run() { return Run(statement_.get()); }

 private:
  struct Free {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Free> statement_;
};

class Database {
 public:
  // Opens or creates (mode 0600) the file.
  static Result<Database> open(const std::string& path);

  // Runs statements that give no rows (or whose rows do not matter).
  Status execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  Result<int64_t> query_integer(std::string_view sql);
  Result<std::string> query_text(std::string_view sql);
  bool in_transaction() const;

  // Whether the last failure was that of a sync: what was written since the one before may be lost,
  // and the next sync would not say so.
  bool sync_failed() const;
  // Pages in the write-ahead log after the last commit. SQLite makes no checkpoint by itself here:
  // it would not tell how it went.
  int log_pages() const { return *log_pages_; }
  // Brings the log into the database, as far as readers let it.
  Status checkpoint();
  // Writes the log's bytes once more and syncs them: whatever a sync that failed before has
  // dropped, what this process reads is then on disk. REQUIRES: WAL mode, exclusively locked;
  // nothing written.
  Status write_log_again();
  sqlite3* handle() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(sqlite3* db) : db_(db) {}
  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);  // before db_, which writes to it
  std::unique_ptr<sqlite3, Close> db_;
};

// The Error for a result code of SQLite.
Error sqlite_error(int code, std::string_view what);

}  // namespace bridle::store
