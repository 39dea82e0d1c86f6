// Child processes with bounds: one program, run to its end, with a deadline and a cap on what is
// kept of its output. It gets exactly the environment and the descriptors given, /dev/null as its
// input, and dies with the thread that started it.
//
//   BRIDLE_TRY(auto ran, run_child({.argv = {"/usr/bin/qemu-img", "--version"}}));
//   ran.out holds standard output
//
// Blocking: never on an event loop's thread.
// Thread class: free functions; any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace bridle {

struct ChildSpec {
  std::vector<std::string> argv;  // argv[0] is an absolute path
  std::vector<std::string> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
  std::string folder;                             // working directory; empty: ours
  std::string input;                              // path read as standard input; empty: /dev/null
  std::string output;                             // path written as standard output; empty: kept
  Duration timeout = std::chrono::seconds(60);    // then it is killed: Code::exhausted
  size_t most_output = 1 << 20;                   // bytes kept of standard output and of error
  std::function<void(std::string_view)> on_line;  // each whole line of standard output, as it comes
};

struct ChildResult {
  std::string out;  // empty with ChildSpec::output
  std::string err;  // the last 4096 bytes
};

// Code::internal when it cannot be started, ends with a status other than 0 or by a signal; the
// message ends with the last lines it wrote to standard error.
Result<ChildResult> run_child(const ChildSpec& spec);

}  // namespace bridle
