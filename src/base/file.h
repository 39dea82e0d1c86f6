// Files: small synchronous helpers with durable writes. Errors name the path.
// Thread class: free functions; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace bridle {

// open(2) with O_CLOEXEC added.
Result<Fd> open_file(const std::string& path, int flags, mode_t mode = 0600);

// The whole file; Code::exhausted if it is larger than cap bytes.
Result<std::string> read_file(const std::string& path, size_t cap = 16 << 20);
// All that fd still has to give, up to cap bytes.
Result<std::string> read_all(int fd, size_t cap);
// Writes everything, through short writes and EINTR.
Status write_all(int fd, std::string_view bytes);

// Writes PATH.incomplete, syncs it, renames it to PATH, syncs the folder: after a crash the old
// or the new content is there, never a part.
Status write_file_durably(const std::string& path, std::string_view bytes, mode_t mode = 0600);
Status sync_folder(const std::string& path);

// mkdir; an existing folder is success.
Status make_folder(const std::string& path, mode_t mode = 0700);
Status make_folders(const std::string& path, mode_t mode = 0700);  // and its parents
Status remove_file(const std::string& path);                       // a missing file is success
// Removes a tree without following links; a missing one is success.
Status remove_tree(const std::string& path);
// Names (not paths) in a folder, sorted, without "." and "..".
Result<std::vector<std::string>> list_folder(const std::string& path);

// A sealed memfd (no write, no shrink, no grow) with these bytes, positioned at its start.
Result<Fd> sealed_memfd(const std::string& name, std::string_view bytes);

}  // namespace bridle
