// A disk in memory that SQLite writes to, and that breaks on command (tests only).
//
// Each file has what a reader sees (the page cache), what is on the platter, and the writes between
// the two: those since its last sync. A loss of power keeps any part of these, in any order, in
// sectors of 512 bytes; what is lost reads as it was before, or as zeros where the file grew. A
// sync that fails drops what the choice says for good, while readers go on seeing it: this is what
// kernels do.
//
// Writes, cuts and syncs are counted; plan() says what happens at which.
//
// Thread class: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace bridle::store::testing {

enum class Fault {
  none,
  power,        // power is gone before this step: it and all later ones fail
  no_space,     // a write or cut fails with a full disk and does nothing
  short_write,  // half of the write arrives, then the disk is full
  sync_error,   // a sync fails
};

class FaultyDisk {
 public:
  // Becomes SQLite's default VFS until its end. One at a time.
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  struct Step {
    char kind;  // 'w' write, 't' cut, 's' sync
    std::string file;
  };
  const std::vector<Step>& steps() const { return steps_; }

  // At step `at` (from 0) the fault; at the others nothing.
  void plan(size_t at, Fault fault) { at_ = at, fault_ = fault; }
  bool happened() const { return happened_; }

  // keep(i, n): does sector i of the n that were not synced survive? Asked in order of writing.
  using Keep = std::function<bool(size_t, size_t)>;
  // Power was lost: what is on the platter is all there is. Counting begins anew, nothing is
  // planned.
  void lose_power(const Keep& keep);
  // The same for a failing sync, when it comes.
  void on_sync_error(Keep keep) { on_sync_error_ = std::move(keep); }
  // The process died, the machine did not: readers see what they saw.
  void restart();

  // ---- for the VFS
  int open(const std::string& name, bool create);  // SQLite's result codes
  int write(const std::string& name, const void* bytes, int size, int64_t offset);
  int truncate(const std::string& name, int64_t size);
  int sync(const std::string& name);
  int read(const std::string& name, void* bytes, int size, int64_t offset) const;
  int64_t size(const std::string& name) const;
  bool exists(const std::string& name) const { return files_.contains(name); }
  int remove(const std::string& name);

 private:
  struct Change {
    int64_t offset = 0;  // of a write
    std::string bytes;
    int64_t cut = -1;  // not negative: the file is cut to this size
  };
  struct File {
    std::string seen;
    std::string kept;
    std::vector<Change> unsynced;
  };
  static void apply(std::string& to, const Change& change);
  static void settle(File& file, const Keep& keep);
  Fault step(char kind, const std::string& name);

  std::map<std::string, File> files_;
  std::vector<Step> steps_;
  size_t at_ = 0;
  Fault fault_ = Fault::none;
  bool happened_ = false;
  bool dark_ = false;
  Keep on_sync_error_;
};

}  // namespace bridle::store::testing
