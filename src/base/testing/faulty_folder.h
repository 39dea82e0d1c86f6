// A folder whose every change is noted down, so that a loss of power at any moment can be played
// through afterwards, with any part of what was not synced (tests only).
//
// How it works. A program that links this has its own open, write, pwrite, ftruncate, fsync,
// fdatasync, rename, unlink and mkdir: they do what they are asked, and write into the journal what
// happened below the watched folder. after_power_loss() makes another folder with what is on the
// platter if the power went off after the first N notes: a file has the bytes of its last sync and
// any of the later writes, in sectors of 512 bytes; a folder has the names of its last sync and the
// first few of the changes since (file systems keep the order of names, but not of names and
// bytes).
//
// fail() makes a later call fail.
//
// Thread class: one thread; one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace bridle::testing {

class FaultyFolder {
 public:
  FaultyFolder();  // made below /tmp
  ~FaultyFolder();
  FaultyFolder(const FaultyFolder&) = delete;
  FaultyFolder& operator=(const FaultyFolder&) = delete;

  const std::string& path() const { return path_; }
  size_t notes() const { return notes_.size(); }
  // "write ledger.log", for messages.
  std::string note(size_t number) const;

  // keep(i, n): does part i of the n that were not synced survive? Parts are sectors and changes of
  // names; of the names of one folder those before the first that is lost.
  using Keep = std::function<bool(size_t, size_t)>;
  // Fills the empty folder `to`.
  void after_power_loss(size_t notes, const Keep& keep, const std::string& to) const;

  enum class Fault { none, no_space, short_write, sync_error };
  // The first call of that kind from the `number`th note on fails: ENOSPC of a write, half of a
  // write followed by ENOSPC for good until heal(), EIO of a sync.
  void fail(Fault fault, size_t number);
  void heal() { fault_ = Fault::none; }
  bool failed() const { return failed_; }

  // ---- for the calls
  enum class Kind { make, write, cut, sync, sync_names, rename, remove, folder };
  bool watches(const std::string& path) const { return path.rfind(path_, 0) == 0; }
  bool due(Fault fault);
  void note_make(const std::string& path, uint64_t inode);
  void note_write(uint64_t inode, int64_t offset, std::string bytes);
  void note_cut(uint64_t inode, int64_t size);
  void note_sync(uint64_t inode);
  void note_names(Kind kind, const std::string& path, const std::string& other = {});

 private:
  struct Note {
    Kind kind;
    std::string path = {}, other = {};  // relative
    uint64_t file = 0;
    int64_t offset = 0;
    std::string bytes = {};
  };
  struct Replay;
  std::string below(const std::string& path) const;
  uint64_t file_of(uint64_t inode) const;

  std::string path_;
  std::vector<Note> notes_;
  std::map<uint64_t, uint64_t> files_;  // inode -> number of the file that has it now
  uint64_t next_file_ = 1;
  Fault fault_ = Fault::none;
  size_t fault_from_ = 0;
  bool failed_ = false;
};

}  // namespace bridle::testing
