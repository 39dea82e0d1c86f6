// Words: one command of the generator's, "window pid=12 ms=300 flow=0,1,64": a verb and what it is
// given, each by name, in order, a name possibly several times.
//
// Thread class: values. No I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bridle::bench {

struct Words {
  std::string verb;
  std::vector<std::pair<std::string, std::string>> given;

  static Words parse(std::string_view line);
  // The first of that name; an error if there is none.
  Result<std::string> text(std::string_view name) const;
  Result<uint64_t> number(std::string_view name) const;
  uint64_t number_or(std::string_view name, uint64_t otherwise) const;
  std::vector<std::string> all(std::string_view name) const;
};

// "0,1,64" as numbers; an error where one is none.
Result<std::vector<uint64_t>> numbers(std::string_view list);

}  // namespace bridle::bench
