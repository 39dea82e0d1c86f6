// Selector: which objects, by their labels. Terms joined by commas; all must hold.
//
//   tier=web  tier==web  tier!=web   equal, or not (an absent label is not equal)
//   tier in (web,db)  tier notin (web,db)
//   tier  !tier                      there, or not there
//
// Thread class: an immutable value. Errors: Code::invalid, with what was expected and where.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::model {

using Labels = std::map<std::string, std::string>;

class Selector {
 public:
  static constexpr size_t max_bytes = 4096;
  static constexpr size_t max_terms = 64;

  Selector() = default;  // matches everything
  static Result<Selector> parse(std::string_view text);

  bool matches(const Labels& labels) const;
  bool empty() const { return terms_.empty(); }

 private:
  struct Term {
    std::string key;
    bool negated = false;             // !=, notin, !key
    std::vector<std::string> values;  // empty: only whether the key is there
  };
  friend class SelectorParser;
  std::vector<Term> terms_;
};

}  // namespace bridle::model
