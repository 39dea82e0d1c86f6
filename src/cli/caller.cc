#include "cli/caller.h"

#include <pwd.h>
#include <unistd.h>

namespace bridle::cli {

std::string caller_name() {
  const passwd* entry = ::getpwuid(::getuid());
  return entry == nullptr ? "uid-" + std::to_string(::getuid()) : entry->pw_name;
}

}  // namespace bridle::cli
