// The SQLite store's layout on disk (docs/store.md) and its migrations. Each migration runs in a
// transaction of its own; a new file is an empty one that runs them all.
//
// Thread class: free functions.
#pragma once

#include "store/sqlite.h"
#include "store/store.h"

namespace bridle::store {

constexpr int schema_version = 2;
// Revision r's changes have ids r << 20 and up.
constexpr int change_bits = 20;

// Brings the file to schema_version. Code::refused: a newer Bridle wrote it. Code::corrupt: damage,
// or a database that is not Bridle's; the message says what to do.
Status migrate(Database& db, const std::string& path);

// Checksum of a row of `entries`: the first 8 bytes of SHA-256 over its columns. SQLite checks its
// own structure but not the bytes of values.
int64_t row_sum(std::string_view key, std::string_view value, Revision created, Revision modified,
                LeaseId lease);

}  // namespace bridle::store
