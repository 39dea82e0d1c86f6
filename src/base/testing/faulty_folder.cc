#include "base/testing/faulty_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/file.h"

namespace bridle::testing {
namespace {

constexpr size_t sector = 512;
FaultyFolder* folder = nullptr;

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// The path of an open file, and whether it is in the folder.
bool watched(int fd, std::string& path, uint64_t& inode, bool& is_folder) {
  if (folder == nullptr) return false;
  char name[4096];
  const ssize_t n =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name - 1);
  struct stat info {};
  if (n <= 0 || ::fstat(fd, &info) != 0) return false;
  path.assign(name, static_cast<size_t>(n));
  inode = info.st_ino;
  is_folder = S_ISDIR(info.st_mode);
  return folder->watches(path);
}

bool watched(int fd, uint64_t& inode) {
  std::string path;
  bool is_folder = false;
  return watched(fd, path, inode, is_folder);
}

}  // namespace

FaultyFolder::FaultyFolder() {
  char name[] = "/tmp/bt-faulty-XXXXXX";
  path_ = ::mkdtemp(name);
  folder = this;
}

FaultyFolder::~FaultyFolder() {
  folder = nullptr;
  (void)remove_tree(path_);
}

std::string FaultyFolder::below(const std::string& path) const {
  return path.size() <= path_.size() ? "" : path.substr(path_.size() + 1);
}

uint64_t FaultyFolder::file_of(uint64_t inode) const {
  const auto found = files_.find(inode);
  return found == files_.end() ? 0 : found->second;
}

std::string FaultyFolder::note(size_t number) const {
  if (number >= notes_.size()) return "the end";
  const Note& note = notes_[number];
  static const char* const names[] = {"make",       "write",  "cut",    "sync",
                                      "sync names", "rename", "remove", "folder"};
  std::string text = names[static_cast<size_t>(note.kind)];
  text += " " + note.path + (note.file != 0 ? "#" + std::to_string(note.file) : "");
  return text + (note.other.empty() ? "" : " to " + note.other);
}

void FaultyFolder::fail(Fault fault, size_t number) {
  fault_ = fault;
  fault_from_ = number;
  failed_ = false;
}

bool FaultyFolder::due(Fault fault) {
  if (fault_ != fault || notes_.size() < fault_from_) return false;
  if (fault == Fault::sync_error && failed_) return false;  // one is enough
  failed_ = true;
  return true;
}

void FaultyFolder::note_make(const std::string& path, uint64_t inode) {
  files_[inode] = next_file_;
  notes_.push_back({Kind::make, below(path), {}, next_file_++});
}

void FaultyFolder::note_write(uint64_t inode, int64_t offset, std::string bytes) {
  notes_.push_back({Kind::write, {}, {}, file_of(inode), offset, std::move(bytes)});
}

void FaultyFolder::note_cut(uint64_t inode, int64_t size) {
  notes_.push_back({Kind::cut, {}, {}, file_of(inode), size});
}

void FaultyFolder::note_sync(uint64_t inode) {
  notes_.push_back({Kind::sync, {}, {}, file_of(inode)});
}

void FaultyFolder::note_names(Kind kind, const std::string& path, const std::string& other) {
  notes_.push_back({kind, below(path), other.empty() ? "" : below(other)});
}

// What is on the platter, while notes are read one after another.
struct FaultyFolder::Replay {
  struct File {
    std::string kept;
    std::vector<const Note*> unsynced;
  };
  std::map<uint64_t, File> files;
  std::map<std::string, uint64_t> names;  // path -> file; 0: a folder
  std::vector<const Note*> unsynced;      // changes of names

  static void apply(std::string& bytes, int64_t offset, std::string_view part) {
    const auto at = static_cast<size_t>(offset);
    if (bytes.size() < at + part.size()) bytes.resize(at + part.size());
    bytes.replace(at, part.size(), part);
  }

  static void settle(File& file, const Keep& keep) {
    size_t total = 0, number = 0;
    for (const Note* note : file.unsynced) total += 1 + note->bytes.size() / sector;
    for (const Note* note : file.unsynced) {
      if (note->kind == Kind::cut) {
        if (keep(number++, total)) file.kept.resize(static_cast<size_t>(note->offset));
        continue;
      }
      // Sectors are the disk's, not the write's: the first part ends where the disk's sector does.
      for (size_t at = 0; at < note->bytes.size();) {
        const size_t size = sector - (static_cast<size_t>(note->offset) + at) % sector;
        if (keep(number++, total))
          apply(file.kept, note->offset + static_cast<int64_t>(at),
                std::string_view(note->bytes).substr(at, size));
        at += size;
      }
    }
    file.unsynced.clear();
  }

  void rename(const Note& note) {
    names[note.other] = names[note.path];
    names.erase(note.path);
  }

  void change_names(const Note& note) {
    if (note.kind == Kind::rename) rename(note);
    if (note.kind == Kind::remove) names.erase(note.path);
    if (note.kind == Kind::make) names[note.path] = note.file;
    if (note.kind == Kind::folder) names[note.path] = 0;
  }

  // Changes of names in `path` are made; with keep, those before the first that is lost.
  void settle_names(const std::string& path, const Keep* keep) {
    size_t total = 0, number = 0;
    for (const Note* note : unsynced) total += parent_of(note->path) == path;
    bool lost = false;
    std::vector<const Note*> others;
    for (const Note* note : unsynced) {
      if (parent_of(note->path) != path) {
        others.push_back(note);
        continue;
      }
      lost = lost || (keep != nullptr && !(*keep)(number++, total));
      if (!lost) change_names(*note);
    }
    unsynced = std::move(others);
  }

  void take(const Note& note) {
    if (note.kind == Kind::write || note.kind == Kind::cut)
      files[note.file].unsynced.push_back(&note);
    else if (note.kind == Kind::sync)
      settle(files[note.file], [](size_t, size_t) { return true; });
    else if (note.kind == Kind::sync_names)
      settle_names(note.path, nullptr);
    else
      unsynced.push_back(&note);
  }
};

void FaultyFolder::after_power_loss(size_t notes, const Keep& keep, const std::string& to) const {
  Replay replay;
  for (size_t i = 0; i < notes; ++i) replay.take(notes_[i]);
  std::set<std::string> folders;
  for (const Note* note : replay.unsynced) folders.insert(parent_of(note->path));
  for (const std::string& path : folders) replay.settle_names(path, &keep);
  for (auto& [number, file] : replay.files) Replay::settle(file, keep);
  // A folder comes before what is in it; what is in a lost one is lost.
  for (const auto& [path, number] : replay.names) {
    const std::string target = to + "/" + path;
    if (::access(parent_of(target).c_str(), F_OK) != 0) continue;
    if (number == 0) {
      (void)make_folder(target);
      continue;
    }
    std::ofstream(target, std::ios::binary) << replay.files[number].kept;
  }
}

}  // namespace bridle::testing

// ---- the calls

using bridle::testing::FaultyFolder;
using bridle::testing::folder;
using bridle::testing::watched;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
  va_end(arguments);
  const bool known = folder != nullptr && folder->watches(path);
  struct stat before {};
  const bool there = known && ::lstat(path, &before) == 0;
  if (known && !there && (flags & O_CREAT) != 0 && folder->due(FaultyFolder::Fault::no_space)) {
    errno = ENOSPC;
    return -1;
  }
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  struct stat info {};
  if (fd < 0 || !known || ::fstat(fd, &info) != 0) return fd;
  if (!there) folder->note_make(path, info.st_ino);
  if (there && (flags & O_TRUNC) != 0 && before.st_size > 0) folder->note_cut(info.st_ino, 0);
  return fd;
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  uint64_t inode = 0;
  if (!watched(fd, inode)) return ::syscall(SYS_pwrite64, fd, bytes, size, offset);
  if (folder->due(FaultyFolder::Fault::no_space)) {
    errno = ENOSPC;
    return -1;
  }
  if (!folder->failed() && size > 1 && folder->due(FaultyFolder::Fault::short_write)) {
    size /= 2;
  } else if (folder->failed() && folder->due(FaultyFolder::Fault::short_write)) {
    errno = ENOSPC;
    return -1;
  }
  const ssize_t n = ::syscall(SYS_pwrite64, fd, bytes, size, offset);
  if (n > 0)
    folder->note_write(inode, offset, std::string(static_cast<const char*>(bytes), size_t(n)));
  return n;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  uint64_t inode = 0;
  if (!watched(fd, inode)) return ::syscall(SYS_write, fd, bytes, size);
  const off_t offset = ::lseek(fd, 0, SEEK_CUR);
  const ssize_t n = ::pwrite(fd, bytes, size, offset);
  if (n > 0) ::lseek(fd, offset + n, SEEK_SET);
  return n;
}

int ftruncate(int fd, off_t size) noexcept {
  uint64_t inode = 0;
  const int done = static_cast<int>(::syscall(SYS_ftruncate, fd, size));
  if (done == 0 && watched(fd, inode)) folder->note_cut(inode, size);
  return done;
}

static int sync_one(int fd) {
  std::string path;
  uint64_t inode = 0;
  bool is_folder = false;
  if (!watched(fd, path, inode, is_folder)) return 0;
  if (folder->due(FaultyFolder::Fault::sync_error)) {
    errno = EIO;
    return -1;
  }
  if (is_folder)
    folder->note_names(FaultyFolder::Kind::sync_names, path);
  else
    folder->note_sync(inode);
  return 0;
}

// Nothing need really be synced.
int fsync(int fd) { return sync_one(fd); }
int fdatasync(int fd) { return sync_one(fd); }

int rename(const char* from, const char* to) noexcept {
  const int done = static_cast<int>(::syscall(SYS_rename, from, to));
  if (done == 0 && folder != nullptr && folder->watches(from))
    folder->note_names(FaultyFolder::Kind::rename, from, to);
  return done;
}

int unlink(const char* path) noexcept {
  const int done = static_cast<int>(::syscall(SYS_unlink, path));
  if (done == 0 && folder != nullptr && folder->watches(path))
    folder->note_names(FaultyFolder::Kind::remove, path);
  return done;
}

int mkdir(const char* path, mode_t mode) noexcept {
  const int done = static_cast<int>(::syscall(SYS_mkdir, path, mode));
  if (done == 0 && folder != nullptr && folder->watches(path) && path != folder->path())
    folder->note_names(FaultyFolder::Kind::folder, path);
  return done;
}

}  // extern "C"
