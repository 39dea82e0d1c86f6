// Result<T>: the one way a function of Bridle reports failure.
//
// An Error has a code (the closed set that HTTP statuses and exit codes are made from), a message
// that says what is wrong and what to do, and the contexts it passed on its way up, outermost
// first. It is printed once, by whoever ends its journey:
//
//   starting machine lab/web: opening disk 0: /x/root.qcow2: no such file
//
// Usage:
//   Result<Fd> open_disk(...) {
//     BRIDLE_TRY(auto fd, open_file(path));           // returns early on error
//     BRIDLE_CHECK(verify(fd).context("checking disk"));
//     return fd;
//   }
//
// Thread class: values; no shared state.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace bridle {

enum class Code {
  invalid,       // the request is malformed or breaks a rule of the schema
  not_found,     // what it names does not exist
  conflict,      // the state or revision is not the expected one
  refused,       // a policy or an admission rule says no
  unauthorized,  // the caller may not do this
  unreachable,   // a peer (socket, process, host) does not answer
  exhausted,     // a bound, quota or resource is used up
  corrupt,       // bytes on disk or wire fail their check
  gone,          // it existed, and is not kept any more (compacted revision)
  internal,      // an operating system call failed, or a bug
};

std::string_view code_name(Code code);
std::optional<Code> code_from_name(std::string_view name);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  Code code() const { return code_; }
  // Contexts, outermost first, then the message, joined by ": ".
  const std::string& message() const { return message_; }

  Error context(std::string_view what) && {
    message_.insert(0, std::string(what) + ": ");
    return std::move(*this);
  }

 private:
  Code code_;
  std::string message_;
};

// Error from errno, as "what: strerror". ENOENT becomes not_found, ENOSPC and friends exhausted,
// ECONNREFUSED and friends unreachable, the rest internal.
Error errno_error(std::string_view what);
Error errno_error(int error_number, std::string_view what);

template <typename T = std::monostate>
class [[nodiscard]] Result {
 public:
  Result() requires std::is_same_v<T, std::monostate> : value_(std::in_place_index<0>) {}
  template <typename U = T>
  requires(!std::is_same_v<std::remove_cvref_t<U>, Result> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> && std::is_constructible_v<T, U&&>)
      Result(U&& value)
      : value_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(Error error) : value_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return value_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & { return std::get<0>(value_); }
  const T& value() const& { return std::get<0>(value_); }
  T&& value() && { return std::get<0>(std::move(value_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  Error& error() & { return std::get<1>(value_); }
  const Error& error() const& { return std::get<1>(value_); }
  Error&& error() && { return std::get<1>(std::move(value_)); }

  // The same result, its error (if any) wrapped in one more context.
  Result context(std::string_view what) && {
    if (!ok()) value_.template emplace<1>(std::move(error()).context(what));
    return std::move(*this);
  }

 private:
  std::variant<T, Error> value_;
};

using Status = Result<>;

}  // namespace bridle

#define BRIDLE_CONCAT_(a, b) a##b
#define BRIDLE_CONCAT(a, b) BRIDLE_CONCAT_(a, b)
#define BRIDLE_TRY_(tmp, decl, expr)            \
  auto tmp = (expr);                            \
  if (!tmp.ok()) return std::move(tmp).error(); \
  decl = *std::move(tmp)
// BRIDLE_TRY(auto x, f()): x is f's value, or the enclosing function returns f's error.
#define BRIDLE_TRY(decl, expr) BRIDLE_TRY_(BRIDLE_CONCAT(bridle_try_, __LINE__), decl, expr)
// BRIDLE_CHECK(f()): the same for a Status.
#define BRIDLE_CHECK(expr)                                                                         \
  do {                                                                                             \
    if (auto bridle_status = (expr); !bridle_status.ok()) return std::move(bridle_status).error(); \
  } while (false)
