#include "base/result.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace bridle {
namespace {

constexpr std::array<std::pair<Code, std::string_view>, 10> names{{
    {Code::invalid, "invalid"},
    {Code::not_found, "not_found"},
    {Code::conflict, "conflict"},
    {Code::refused, "refused"},
    {Code::unauthorized, "unauthorized"},
    {Code::unreachable, "unreachable"},
    {Code::exhausted, "exhausted"},
    {Code::corrupt, "corrupt"},
    {Code::gone, "gone"},
    {Code::internal, "internal"},
}};

Code code_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::conflict;
    case EACCES:
    case EPERM:
      return Code::unauthorized;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return Code::exhausted;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ETIMEDOUT:
      return Code::unreachable;
    default:
      return Code::internal;
  }
}

}  // namespace

std::string_view code_name(Code code) {
  for (const auto& [c, name] : names)
    if (c == code) return name;
  return "internal";
}

std::optional<Code> code_from_name(std::string_view name) {
  for (const auto& [code, n] : names)
    if (n == name) return code;
  return std::nullopt;
}

Error errno_error(int error_number, std::string_view what) {
  return Error(code_of_errno(error_number), std::string(what) + ": " + std::strerror(error_number));
}

Error errno_error(std::string_view what) { return errno_error(errno, what); }

}  // namespace bridle
