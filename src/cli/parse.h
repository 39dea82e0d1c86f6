// parse(): an argument vector against the table of commands. CLI11 does the work, in parse.cc and
// nowhere else (it costs 7 s to compile).
//
// Thread class: free function.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/command.h"

namespace bridle::cli {

struct Invocation {
  const Command* command;
  Args args;  // operands under their names, flags under their keys, the global ones too
};

// -h, or a noun without a verb: the help of `path` is wanted.
struct HelpWanted {
  std::vector<std::string> path;
  bool asked = true;  // false: something was missing, the help goes to stderr with exit code 2
};

using Parsed = std::variant<Invocation, HelpWanted>;

// argv without the program's name. The error (Code::invalid) is a sentence for people, with the
// nearest known word for a misspelt one and the help to read.
Result<Parsed> parse(const CommandTable& table, const std::vector<std::string>& argv);

}  // namespace bridle::cli
