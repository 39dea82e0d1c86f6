// Help texts, made from the table of commands: what it is, how it is written, its flags, examples.
// Pure: text in, text out.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace bridle::cli {

// Of the program (empty path), a noun or a command. REQUIRES: path is one that parse() gave.
// `width`: columns to wrap at.
std::string help_text(const CommandTable& table, const std::vector<std::string>& path,
                      size_t width);
// "machine start NAME... [--wait]"
std::string usage_line(const Command& command);

}  // namespace bridle::cli
