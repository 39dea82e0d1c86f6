// rooms: api store
// The HTTP surface: hostile bytes through the parser, and every request that comes out of it
// through routing, authorization and the handlers, as an admin, over a small store in memory.
//
// The first byte says in pieces of which size the rest arrives, so that boundaries are tried too.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "api/http_parser.h"
#include "api/testing.h"

using bridle::api::HttpParser;
using bridle::api::testing::World;

namespace {

void answer(World& world, bridle::api::Request request) {
  size_t answers = 0;
  world.api.handle(std::move(request), World::root, "r-1", [&](bridle::api::Answer reply) {
    ++answers;
    if (auto* stream = std::get_if<bridle::api::EventStream>(&reply)) stream->source->pull(4096);
  });
  if (answers != 1) std::abort();
}

// Its routes take longer to make than most inputs to answer: one world serves until it is changed.
World& fresh_world() {
  static std::unique_ptr<World> world;
  if (world && world->backend.acts.empty()) return *world;
  world = std::make_unique<World>();
  world->have(bridle::model::Kind::machine, "lab", "web", R"({"image":"tiny"})");
  return *world;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  World& world = fresh_world();
  const size_t step = size_t{data[0]} + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  HttpParser parser;
  for (size_t at = 0; at < bytes.size(); at += step) {
    parser.feed(bytes.substr(at, step));
    for (;;) {
      if (parser.state() == HttpParser::State::head) {
        const auto& request = parser.request();
        parser.accept_body(world.api.router().body_limit(request.method, request.path));
      }
      if (parser.state() != HttpParser::State::done) break;
      answer(world, parser.take());
    }
    if (parser.state() == HttpParser::State::failed) break;
  }
  return 0;
}
