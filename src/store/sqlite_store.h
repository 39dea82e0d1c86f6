// SqliteStore: the Store of one host, in one SQLite file (layout: docs/store.md).
//
// How it works. WAL mode, one owner (a second process that opens the file is refused). A full
// commit syncs the log; a lazy one is written to it without a sync, so it survives the death of
// the process at once, and the death of the host from the next full commit, flush() or checkpoint
// on. The log is ordered: what a crash takes is always the newest lazy commits.
//
// Revisions never mean two things: before lazy revisions reach a durable ceiling, one commit is
// made full and raises it; an unclean open goes on at the ceiling and remembers the gap (rules.h).
//
// History is bounded: beyond max_changes or max_change_bytes the oldest revisions are forgotten.
//
// open() checks the whole file (SQLite's integrity check); each row's checksum is checked when it
// is read. A failed commit changes nothing and the store lives on, but for one failure: a sync. The
// kernel may have dropped what it could not write, and would call the next sync a success. Such a
// store is broken (on_broken): it still reads, and commits nothing more until it is opened again;
// open() writes the log it finds once more before it relies on it.
//
// Thread class: one thread.
#pragma once

#include <memory>
#include <string>

#include "store/store.h"

namespace bridle::store {

struct SqliteOptions {
  size_t max_changes = 100'000;
  size_t max_change_bytes = 64 << 20;
  uint64_t ceiling_step = 4096;  // revisions that may be given out between two syncs
  int checkpoint_pages = 1000;   // of the log: then it is brought into the database
  uint32_t max_pages = 0;        // of 4 KiB; 0: no bound. Beyond it commits are Code::exhausted
};

// Creates the file (0600) where there is none. REQUIRES: its folder exists.
// Errors: Code::corrupt (what is damaged and what to do), refused (written by a newer Bridle),
// conflict (another process has it open), exhausted, internal.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const SqliteOptions& options = {});

}  // namespace bridle::store
