// LineCutter: cuts the ledger's bytes, as they come, into lines of at most max_line bytes.
// Thread class: a value.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "ledger/entry.h"

namespace bridle::ledger {

class LineCutter {
 public:
  // Calls take(line), without "\n", for each line that ends in bytes, while it returns true. False:
  // take stopped it, or (too_long()) a line grew over the bound.
  template <typename Take>
  bool feed(std::string_view bytes, Take take) {
    while (!bytes.empty()) {
      const size_t end = bytes.find('\n');
      if (partial_.size() + std::min(end, bytes.size()) > max_line) {
        too_long_ = true;
        return false;
      }
      partial_.append(bytes.substr(0, end));
      if (end == std::string_view::npos) return true;
      if (!take(std::string_view(partial_))) return false;
      partial_.clear();
      bytes.remove_prefix(end + 1);
    }
    return true;
  }

  bool too_long() const { return too_long_; }
  // Bytes after the last "\n".
  const std::string& partial() const { return partial_; }

 private:
  std::string partial_;
  bool too_long_ = false;
};

}  // namespace bridle::ledger
