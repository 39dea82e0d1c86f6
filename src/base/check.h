// BRIDLE_ASSERT: an invariant of Bridle's own logic, checked in every build. A state machine that
// broke its invariant must not go on: the process prints what broke and aborts; its supervisor
// starts it again from what is stored. Never for untrusted input or a failing system call: those
// are Results.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace bridle {

[[noreturn]] inline void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "<2>bridle: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace bridle

#define BRIDLE_ASSERT(expression)      \
  ((expression) ? static_cast<void>(0) \
                : ::bridle::assertion_failed(#expression, __FILE__, __LINE__))
