// Violations: what is wrong with a document, all of it, up to a bound.
// Thread class: a value.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::model {

struct Violation {
  std::string path;     // "spec.disks[1].volume" (path.h)
  std::string message;  // what was expected and what was found; a near key for a misspelt one
  std::string text() const { return path.empty() ? message : path + ": " + message; }
};

class Violations {
 public:
  static constexpr size_t bound = 20;

  // What goes over the bound is counted, not kept.
  void add(std::string path, std::string message);

  bool empty() const { return list_.empty(); }
  // What is added from now on is only counted: its text need not be made.
  bool full() const { return list_.size() == bound; }
  const std::vector<Violation>& list() const { return list_; }
  size_t omitted() const { return omitted_; }
  size_t count() const { return list_.size() + omitted_; }

  // Code::invalid with every violation: one in a line, more as lines. REQUIRES: !empty().
  Error error() const;

 private:
  std::vector<Violation> list_;
  size_t omitted_ = 0;
};

// A value for error messages, short and without control characters: `number 12`, `text "abc"`,
// `a list`.
std::string describe(const boost::json::value& value);
// Quoted, cut at 40 bytes, control characters and broken UTF-8 shown as '?'.
std::string quoted(std::string_view text);

}  // namespace bridle::model
