// One request of the host, as a line of JSON (docs/images.md, "The agent's protocol"):
//
//   {"id":1,"do":"ping"}  {"id":2,"do":"exec","argv":["/bin/true"],"timeout":5}
//
// A decoder for exactly this shape, so that the agent needs no library: unknown keys are skipped,
// anything else that is not expected is an error that names what and where. Depth, line and
// argument counts are bounded.
// Thread class: a pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bridle::agent {

constexpr size_t longest_line = 65536;  // both ways, without the line feed
constexpr size_t most_arguments = 256;
constexpr unsigned longest_timeout = 3600;  // seconds

struct Request {
  uint64_t id = 0;
  std::string action;  // the value of "do"
  std::vector<std::string> argv;
  unsigned timeout = 30;  // seconds
};

// Fills request; false: not a request, and `problem` says why. `request.id` is right even then
// when it came before the fault, so that the reply can carry it.
bool parse_request(std::string_view line, Request& request, std::string& problem);

}  // namespace bridle::agent
