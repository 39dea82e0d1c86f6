// When a part of an image must be read in full, and when a look at its inode is enough.
//
// A part is digested at import, and again the first time it is used after the host booted (nobody
// can say what happened to the disk while Bridle was not running). Until the next boot it is then
// recognised by what no ordinary user can set: device, inode, size and ctime, which the kernel
// moves with every write, chmod, link or utimensat. mtime is not looked at, for anyone can set it.
// Any difference means: digest again; a wrong digest means Code::corrupt.
//
// Records persist as text, one line a part, "bridle-parts 1" first:
//   DIGEST BOOT_ID DEVICE INODE SIZE CTIME_NS
//
// Thread class: values; pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace bridle::blob {

// What fstat(2) says of an open part.
struct Seen {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t ctime_ns = 0;
  auto operator<=>(const Seen&) const = default;
};

struct Record {
  Uuid boot_id;  // of the host, when the digest was last taken
  Seen seen;
  auto operator<=>(const Record&) const = default;
};

class Records {
 public:
  static Result<Records> decode(std::string_view text);
  std::string encode() const;

  // True: the part with this digest needs no reading.
  bool trusted(const std::string& digest, const Uuid& boot_id, const Seen& now) const;
  void remember(const std::string& digest, const Record& record) { records_[digest] = record; }
  void forget(const std::string& digest) { records_.erase(digest); }
  size_t size() const { return records_.size(); }

 private:
  std::map<std::string, Record> records_;
};

bool is_digest(std::string_view text);  // 64 lower-case hexadecimal digits

}  // namespace bridle::blob
