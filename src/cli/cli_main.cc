// bridle: the command line.
#include <cstdlib>
#include <iostream>

#include "cli/run.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const bridle::cli::Environment environment{std::cout, std::cerr, bridle::cli::Terminal::look(),
                                             [](const char* name) {
                                               const char* value = std::getenv(name);
                                               return std::string(value == nullptr ? "" : value);
                                             },
                                             argc > 0 ? argv[0] : "bridle"};
  return bridle::cli::run({argv + 1, argv + argc}, environment);
}
