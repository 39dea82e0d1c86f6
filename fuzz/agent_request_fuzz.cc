// rooms: guest_agent
// What the guest's agent reads from the host's side of the port.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/reply.h"
#include "agent/request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::agent;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Request request;
  std::string problem;
  const bool fine = parse_request(text, request, problem);
  if (fine == !problem.empty()) std::abort();
  if (fine && (request.action.empty() || request.argv.size() > most_arguments)) std::abort();
  std::string out;
  put_string(out, text, 1000);
  if (out.size() > 1000) std::abort();
  for (const char c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) std::abort();
  return 0;
}
