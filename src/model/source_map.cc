#include "model/source_map.h"

#include "model/path.h"

namespace bridle::model {

PathHash::PathHash(std::string_view path) : root_(path.empty()) { append(path); }

void PathHash::append(std::string_view text) {
  for (const char c : text) {
    value_ ^= static_cast<uint8_t>(c);
    value_ *= 0x100000001b3;
  }
}

PathHash PathHash::key(std::string_view key) const {
  PathHash below = *this;
  // What path_to_key() adds to a parent: with a dot, unless the parent is the document.
  below.append(root_ ? path_to_key("", key) : path_to_key("-", key).substr(1));
  below.root_ = false;
  return below;
}

PathHash PathHash::index(size_t index) const {
  PathHash below = *this;
  below.append(path_to_index("", index));
  below.root_ = false;
  return below;
}

Position SourceMap::locate(std::string_view path) const {
  while (true) {
    const auto found = positions_.find(PathHash(path).value());
    if (found != positions_.end()) return found->second;
    if (path.empty()) return {};
    path = path_parent(path);
  }
}

std::string place(std::string_view file, Position position) {
  std::string text(file);
  if (position.line != 0) {
    if (!text.empty()) text += ':';
    text += std::to_string(position.line) + ":" + std::to_string(position.column);
  }
  return text.empty() ? text : text + ": ";
}

std::string report(const Violations& violations, const SourceMap& source) {
  std::string text;
  for (const Violation& one : violations.list())
    text += place(source.file(), source.locate(one.path)) + one.text() + "\n";
  if (violations.omitted() != 0)
    text += place(source.file(), {}) + "and " + std::to_string(violations.omitted()) + " more\n";
  return text;
}

}  // namespace bridle::model
