// Gives a file to its owner. Who is not root keeps what he makes: then a restored root is his own.
//
// Thread class: a free function.
#pragma once

#include <unistd.h>

#include <string>

#include "base/result.h"

namespace bridle::backup {

inline Status give(const std::string& path, uid_t owner) {
  if (::geteuid() != 0 || ::lchown(path.c_str(), owner, owner) == 0) return {};
  return errno_error(path);
}

}  // namespace bridle::backup
