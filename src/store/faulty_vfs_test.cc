// The disk of faulty_vfs.h, and SQLite's view of it.
#include "store/faulty_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace bridle::store::testing {
namespace {

constexpr size_t sector = 512;
FaultyDisk* disk = nullptr;

struct Handle {
  sqlite3_file base;
  std::string* name;
};
std::string& name_of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->name; }

int close_file(sqlite3_file* file) {
  delete reinterpret_cast<Handle*>(file)->name;
  return SQLITE_OK;
}
int read_file(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  return disk->read(name_of(file), bytes, size, offset);
}
int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  return disk->write(name_of(file), bytes, size, offset);
}
int cut_file(sqlite3_file* file, sqlite3_int64 size) { return disk->truncate(name_of(file), size); }
int sync_file(sqlite3_file* file, int) { return disk->sync(name_of(file)); }
int size_file(sqlite3_file* file, sqlite3_int64* size) {
  *size = disk->size(name_of(file));
  return SQLITE_OK;
}
int lock_file(sqlite3_file*, int) { return SQLITE_OK; }
int reserved_file(sqlite3_file*, int* answer) {
  *answer = 0;
  return SQLITE_OK;
}
int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return sector; }
// As SQLite's own VFS says of every disk: a write harms no bytes beside it. Nothing else is
// promised.
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

// No shared memory: enough for a WAL with exclusive locking.
constexpr sqlite3_io_methods methods = {
    1,         close_file, read_file,     write_file,   cut_file,    sync_file,       size_file,
    lock_file, lock_file,  reserved_file, control_file, sector_size, characteristics, nullptr,
    nullptr,   nullptr,    nullptr,       nullptr,      nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  BRIDLE_ASSERT(name != nullptr);  // temporary files are in memory
  // The caller makes the database's file itself, on a disk that does not matter here.
  const int code = disk->open(name, true);
  if (code != SQLITE_OK) return code;
  auto* handle = reinterpret_cast<Handle*>(file);
  handle->name = new std::string(name);
  handle->base.pMethods = &methods;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}
int delete_file(sqlite3_vfs*, const char* name, int) { return disk->remove(name); }
int access_file(sqlite3_vfs*, const char* name, int, int* answer) {
  *answer = disk->exists(name) && disk->size(name) > 0 ? 1 : 0;
  return SQLITE_OK;
}
int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

sqlite3_vfs* vfs() {
  static sqlite3_vfs ours;
  if (ours.zName != nullptr) return &ours;
  ours = *sqlite3_vfs_find("unix");  // randomness, time, sleep
  ours.zName = "faulty";
  ours.szOsFile = sizeof(Handle);
  ours.xOpen = open_file;
  ours.xDelete = delete_file;
  ours.xAccess = access_file;
  ours.xFullPathname = full_path;
  return &ours;
}

}  // namespace

FaultyDisk::FaultyDisk() {
  BRIDLE_ASSERT(disk == nullptr);
  disk = this;
  sqlite3_initialize();
  sqlite3_vfs_register(vfs(), 1);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(vfs());
  disk = nullptr;
}

Fault FaultyDisk::step(char kind, const std::string& name) {
  if (dark_) return Fault::power;
  const size_t number = steps_.size();
  steps_.push_back({kind, name});
  if (fault_ == Fault::none || number != at_) return Fault::none;
  const bool fits = fault_ == Fault::power || (fault_ == Fault::sync_error) == (kind == 's');
  if (!fits) return Fault::none;
  happened_ = true;
  dark_ = fault_ == Fault::power;
  return fault_;
}

void FaultyDisk::apply(std::string& to, const Change& change) {
  if (change.cut >= 0) return to.resize(static_cast<size_t>(change.cut));
  const auto offset = static_cast<size_t>(change.offset);
  if (to.size() < offset + change.bytes.size()) to.resize(offset + change.bytes.size());
  to.replace(offset, change.bytes.size(), change.bytes);
}

// What was not synced reaches the platter as `keep` says.
void FaultyDisk::settle(File& file, const Keep& keep) {
  size_t total = 0;
  for (const Change& change : file.unsynced) total += 1 + change.bytes.size() / sector;
  size_t number = 0;
  for (const Change& change : file.unsynced) {
    if (change.cut >= 0) {
      if (keep(number++, total)) apply(file.kept, change);
      continue;
    }
    for (size_t at = 0; at < change.bytes.size(); at += sector)
      if (keep(number++, total))
        apply(file.kept,
              {change.offset + static_cast<int64_t>(at), change.bytes.substr(at, sector)});
  }
  file.unsynced.clear();
}

void FaultyDisk::lose_power(const Keep& keep) {
  for (auto& [name, file] : files_) {
    settle(file, keep);
    file.seen = file.kept;
  }
  restart();
}

void FaultyDisk::restart() {
  steps_.clear();
  fault_ = Fault::none;
  dark_ = happened_ = false;
}

int FaultyDisk::open(const std::string& name, bool create) {
  if (dark_) return SQLITE_CANTOPEN;
  if (!create && !exists(name)) return SQLITE_CANTOPEN;
  files_[name];
  return SQLITE_OK;
}

int FaultyDisk::write(const std::string& name, const void* bytes, int size, int64_t offset) {
  const Fault fault = step('w', name);
  if (fault == Fault::power) return SQLITE_IOERR_WRITE;
  if (fault == Fault::no_space) return SQLITE_FULL;
  std::string all(static_cast<const char*>(bytes), static_cast<size_t>(size));
  if (fault == Fault::short_write) all.resize(all.size() / 2);
  File& file = files_[name];
  file.unsynced.push_back({offset, std::move(all)});
  apply(file.seen, file.unsynced.back());
  return fault == Fault::short_write ? SQLITE_FULL : SQLITE_OK;
}

int FaultyDisk::truncate(const std::string& name, int64_t size) {
  const Fault fault = step('t', name);
  if (fault == Fault::power) return SQLITE_IOERR_TRUNCATE;
  if (fault == Fault::no_space || fault == Fault::short_write) return SQLITE_IOERR_TRUNCATE;
  File& file = files_[name];
  file.unsynced.push_back({0, "", size});
  apply(file.seen, file.unsynced.back());
  return SQLITE_OK;
}

int FaultyDisk::sync(const std::string& name) {
  const Fault fault = step('s', name);
  if (fault == Fault::power) return SQLITE_IOERR_FSYNC;
  File& file = files_[name];
  if (fault == Fault::sync_error) {
    settle(file, on_sync_error_);
    return SQLITE_IOERR_FSYNC;
  }
  settle(file, [](size_t, size_t) { return true; });
  return SQLITE_OK;
}

int FaultyDisk::read(const std::string& name, void* bytes, int size, int64_t offset) const {
  if (dark_) return SQLITE_IOERR_READ;
  const std::string& seen = files_.at(name).seen;
  const auto from = static_cast<size_t>(offset);
  const size_t there = from < seen.size() ? std::min(seen.size() - from, size_t(size)) : 0;
  if (there > 0) std::memcpy(bytes, seen.data() + from, there);
  if (there == static_cast<size_t>(size)) return SQLITE_OK;
  std::memset(static_cast<char*>(bytes) + there, 0, static_cast<size_t>(size) - there);
  return SQLITE_IOERR_SHORT_READ;
}

int64_t FaultyDisk::size(const std::string& name) const {
  return static_cast<int64_t>(files_.at(name).seen.size());
}

int FaultyDisk::remove(const std::string& name) {
  if (dark_) return SQLITE_IOERR_DELETE;
  files_.erase(name);
  return SQLITE_OK;
}

}  // namespace bridle::store::testing
