// rooms: cli
// The command line's HTTP client against a hostile server: whatever the bytes and the sizes of the
// pieces they come in, the parser ends or asks for more, and its bounds hold.
#include <cstdlib>

#include "cli/api_client.h"
#include "cli/http_response.h"
#include "cli/sse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::cli;
  if (size == 0) return 0;
  const size_t piece = 1 + data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ResponseParser parser;
  EventParser events;
  std::string body;
  size_t fed = 0;
  for (size_t i = 0; i < text.size(); i += piece) {
    const std::string_view part = text.substr(i, piece);
    fed += part.size();
    if (!parser.feed(part).ok()) return 0;
    const std::string some = parser.take_body();
    body += some;
    if (body.size() > fed) std::abort();  // a body cannot be larger than what came
    if (!events.feed(some).ok()) return 0;
    while (auto event = events.next())
      if (event->data.size() > body.size()) std::abort();
  }
  if (parser.finish().ok() && !parser.done()) std::abort();
  if (parser.done() && (parser.status() < 101 || parser.status() > 599)) std::abort();
  [[maybe_unused]] const bridle::Error error = ApiClient::error_of(parser.status(), body);
  return 0;
}
