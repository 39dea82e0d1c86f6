// SourceMap: where in a file each place of a document stands, so that an error about
// "spec.disks[1].volume" can say "file.yaml:12:5".
//
// Keys are kept as 64-bit hashes of paths (path.h), not as text, so that a hostile document cannot
// make the map larger than itself by much; two paths with one hash would only give a wrong line.
// Thread class: a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/violation.h"

namespace bridle::model {

// From 1; columns count characters. 0: not known.
struct Position {
  uint32_t line = 0, column = 0;
  bool operator==(const Position&) const = default;
};

// A path's hash, which grows with the path: hash of "spec" + hash of ".disks" after it.
class PathHash {
 public:
  PathHash() = default;
  explicit PathHash(std::string_view path);
  PathHash key(std::string_view key) const;
  PathHash index(size_t index) const;
  uint64_t value() const { return value_; }

 private:
  void append(std::string_view text);
  uint64_t value_ = 0xcbf29ce484222325;  // FNV-1a
  bool root_ = true;
};

class SourceMap {
 public:
  explicit SourceMap(std::string file = {}) : file_(std::move(file)) {}
  void add(PathHash path, Position position) { positions_.try_emplace(path.value(), position); }

  // Of the key or list item at path; of the nearest one around it if that is not there (a missing
  // key).
  Position locate(std::string_view path) const;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  std::unordered_map<uint64_t, Position> positions_;
};

// "file.yaml:12:5: " (what is not known is left out).
std::string place(std::string_view file, Position position);

// One line for each violation: `file.yaml:12:5: spec.memry: unknown key, did you mean "memory"?`.
std::string report(const Violations& violations, const SourceMap& source);

}  // namespace bridle::model
