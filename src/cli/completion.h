// Completion: the script that teaches a shell the words of `bridle`, made from the table of
// commands. Names of objects are asked of the daemon while one types. Pure.
#pragma once

#include <string>

#include "cli/command.h"

namespace bridle::cli {

// shell: "bash" or "zsh" (which runs the same script through its bashcompinit).
std::string completion_script(const CommandTable& table, const std::string& shell);

}  // namespace bridle::cli
