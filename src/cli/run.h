// run(): one invocation of `bridle`, from words to exit code. main() is a thin skin over it, and so
// are the tests.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace bridle::cli {

struct Environment {
  std::ostream& out;
  std::ostream& err;
  Terminal terminal;
  std::function<std::string(const char*)> variable;  // getenv; empty when unset
  std::string program = "bridle";                    // argv[0]
};

// words: argv without the program's name.
int run(const std::vector<std::string>& words, const Environment& environment);

}  // namespace bridle::cli
