// rooms: packet
// A frame from a guest that may be neighbour discovery. What is read as such is whole:
// unfragmented, hop limit 255, of a known type, and written again it says the same.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "packet/nd.h"

namespace {

using namespace bridle::packet;

void require(bool holds) {
  if (!holds) std::abort();
}

void write_again(const Headers& h, const NdMessage& message) {
  const NdEnvelope envelope{h.destination, h.source, h.to, h.from};
  std::array<uint8_t, 256> bytes;
  NeighborAdvertisement what{message.target, *message.link, message.router, message.solicited,
                             message.overrides};
  const size_t size = build_advertisement(bytes, envelope, what);
  Headers again;
  require(size != 0);
  require(parse(std::span(bytes).first(size), static_cast<uint32_t>(size), again) == Parse::ok);
  const auto read = parse_nd(again, bytes);
  require(read && read->target == message.target && read->link == message.link);
  require(read->solicited == message.solicited && read->overrides == message.overrides);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto exact = std::make_unique<uint8_t[]>(size);
  std::copy_n(data, size, exact.get());
  Headers h;
  if (parse({exact.get(), size}, static_cast<uint32_t>(size), h) != Parse::ok || !is_nd(h))
    return 0;
  const auto message = parse_nd(h, {exact.get(), size});
  if (!message) return 0;
  require(!h.fragment && h.hop_limit == 255 && h.destination_port == 0);
  if (message->type == NdType::neighbor_advertisement && message->link) write_again(h, *message);
  return 0;
}
