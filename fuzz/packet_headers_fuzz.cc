// rooms: packet
// A frame from a guest: its first byte says how much more of it lies in later parts. What the
// parser calls `ok` has its headers where they are said to be, one after the other, inside of the
// frame.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "packet/headers.h"

namespace {

using namespace bridle::packet;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Headers& h, size_t size, uint32_t whole) {
  require(h.tags <= 2 && h.network_offset == 14 + 4 * h.tags);
  if (h.network == Network::other || h.network == Network::arp) return;
  require(h.network_size >= 20 && h.network_offset + h.network_size <= whole);
  require((h.transport_offset == 0) == (h.payload_offset == 0));
  require(!h.fragment || h.fragment_offset % 8 == 0);
  require(h.fragment || (h.fragment_offset == 0 && !h.more_fragments));
  if (h.transport_offset == 0) return;
  require(h.fragment_offset == 0);
  require(h.transport_offset >= h.network_offset + 20 && h.payload_offset > h.transport_offset);
  require(h.payload_offset <= size);
  require(h.payload_offset <= h.network_offset + h.network_size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint32_t more = data[0] * 256U;
  const size_t count = size - 1;
  // Of exactly its size, so that the sanitizer sees a byte too far.
  const auto exact = std::make_unique<uint8_t[]>(count);
  std::copy_n(data + 1, count, exact.get());
  const auto whole = static_cast<uint32_t>(count) + more;
  Headers h, again;
  if (parse({exact.get(), count}, whole, h) == Parse::ok) check(h, count, whole);
  require(name(parse({exact.get(), count}, whole, again)) != "?");
  require(h.from == again.from && h.source_port == again.source_port);
  return 0;
}
