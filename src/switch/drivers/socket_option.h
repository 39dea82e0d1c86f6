// Socket options with names for what failed.
// Thread class: free functions.
#pragma once

#include <sys/socket.h>

#include "base/result.h"

namespace bridle::net {

inline Status set_option(int socket, int level, int option, int value) {
  if (::setsockopt(socket, level, option, &value, sizeof value) == 0) return {};
  return errno_error("setting option " + std::to_string(option) + " of a port's socket");
}

inline Result<int> get_option(int socket, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket, level, option, &value, &size) == 0) return value;
  return errno_error("asking option " + std::to_string(option) + " of a port's socket");
}

// Code::invalid: what was handed over is something else.
inline Status require_socket(int socket, int domain, int type) {
  BRIDLE_TRY(const int its_domain, get_option(socket, SOL_SOCKET, SO_DOMAIN));
  BRIDLE_TRY(const int its_type, get_option(socket, SOL_SOCKET, SO_TYPE));
  if (its_domain == domain && its_type == type) return {};
  return Error(Code::invalid, "a socket of family " + std::to_string(its_domain) + ", type " +
                                  std::to_string(its_type) + " was handed over; wanted " +
                                  std::to_string(domain) + ", " + std::to_string(type));
}

}  // namespace bridle::net
