#include "store/crash_vfs.h"

#ifdef BRIDLE_CRASH_POINTS

#include <sqlite3.h>

#include "base/crash_point.h"

namespace bridle::store {
namespace {

// SQLite's own VFS, and its own methods of a file: there is one kind of file here (WAL mode with
// exclusive locking: the database and its log).
sqlite3_vfs* real;
const sqlite3_io_methods* real_methods;

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  BRIDLE_CRASH_POINT("sqlite.write");
  return real_methods->xWrite(file, bytes, size, offset);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  BRIDLE_CRASH_POINT("sqlite.truncate");
  return real_methods->xTruncate(file, size);
}

int sync_file(sqlite3_file* file, int flags) {
  BRIDLE_CRASH_POINT("sqlite.sync");
  return real_methods->xSync(file, flags);
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  static sqlite3_io_methods ours;
  const int code = real->xOpen(real, name, file, flags, flags_out);
  if (code != SQLITE_OK || file->pMethods == nullptr) return code;
  if (real_methods == nullptr) {
    real_methods = file->pMethods;
    ours = *real_methods;
    ours.xWrite = write_file;
    ours.xTruncate = truncate_file;
    ours.xSync = sync_file;
  }
  if (file->pMethods == real_methods) file->pMethods = &ours;
  return code;
}

int remove_file(sqlite3_vfs*, const char* name, int sync_folder) {
  BRIDLE_CRASH_POINT("sqlite.remove");
  return real->xDelete(real, name, sync_folder);
}

}  // namespace

const char* crash_vfs() {
  static sqlite3_vfs ours;
  if (real != nullptr) return ours.zName;
  real = sqlite3_vfs_find(nullptr);
  ours = *real;
  ours.zName = "bridle-crash";
  ours.xOpen = open_file;
  ours.xDelete = remove_file;
  sqlite3_vfs_register(&ours, 0);
  return ours.zName;
}

}  // namespace bridle::store

#endif
