// Backup and restore of one root (docs/backup.md): the store, the ledger with its key, other small
// state, what TPMs keep, image manifests; image parts and volumes if asked.
//
// How it stays consistent while bridled runs: the caller has the daemon write state/snapshot.db
// first (POST /api/v1/snapshot); the ledger is read after it, so it knows every act that the
// snapshot holds. Acts that it announces and the snapshot lacks are closed as "recovered" when the
// restored daemon opens it.
//
// The first entry, backup.json, says what follows:
//   {"format":1,"bridle":"0.1.0","storeSchema":2,"created":"…","root":"…","images":false,"volumes":false}
//
// Thread class: free functions; blocking. REQUIRES: root.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/layout.h"
#include "base/random.h"
#include "base/result.h"

namespace bridle::backup {

struct Content {
  bool images = false;   // parts too, not only manifests
  bool volumes = false;  // Code::conflict while a guest runs
};

struct Summary {
  uint64_t entries = 0;
  uint64_t bytes = 0;   // of the entries
  std::string made_by;  // version of Bridle
  std::string created;  // RFC 3339
};

// Writes `file` (0600; FILE.incomplete, then renamed). Takes state/snapshot.db where it is, and
// removes it; else opens state/store.db itself (Code::conflict while bridled runs).
Result<Summary> make(const Layout& layout, const std::string& file, std::string_view secret,
                     const Content& content, Random& random, WallTime now);

// Into a root that holds nothing yet (folders may be there). Everything is read and checked before
// anything takes its place. Code::refused: a newer Bridle's, or the root is not empty.
Result<Summary> restore(const Layout& layout, const std::string& file, std::string_view secret);

// Reads and checks the whole file, writes nothing.
Result<Summary> verify(const std::string& file, std::string_view secret);

}  // namespace bridle::backup
