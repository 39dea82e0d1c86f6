// The command line of bridle-jail and bridle-supervise: --root PATH and flags.
// Thread class: free functions.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace bridle::jail {

struct Options {
  std::string root = "/var/lib/bridle";
  std::set<std::string> flags;  // as given, "--purge"
};
// Code::invalid for what is neither --root nor one of `known`.
Result<Options> parse_options(int argc, const char* const* argv,
                              const std::vector<std::string>& known);

}  // namespace bridle::jail
