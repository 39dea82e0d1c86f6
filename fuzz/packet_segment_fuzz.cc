// rooms: packet
// A large frame from a guest, and what it wants done with it. Five bytes say how it is cut and how
// its parts lie. Segments are whole frames with right checksums, their payloads are the payload;
// a checksum completed where it is allowed changes nothing that the headers said.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "packet/bytes.h"
#include "packet/segment.h"

namespace {

using namespace bridle::packet;
using Bytes = std::vector<uint8_t>;

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename Span, typename Owner>
std::vector<Span> cut_up(Owner& frame, size_t first, size_t piece) {
  std::vector<Span> parts{Span(frame).first(std::min(first, frame.size()))};
  for (size_t at = parts[0].size(); at < frame.size(); at += piece)
    parts.push_back(Span(frame).subspan(at, std::min(piece, frame.size() - at)));
  return parts;
}

bool sums_right(const Bytes& frame, const Headers& h) {
  const auto carried = std::span(frame).subspan(h.transport_offset);
  Checksum sum = pseudo_header(h.from, h.to, h.protocol, static_cast<uint32_t>(carried.size()));
  sum.add(carried);
  return sum.is_right();
}

void try_segments(const Bytes& frame, std::span<const Part> parts, Segmentation kind,
                  uint16_t size) {
  auto cut = Segmenter::begin(parts, kind, size);
  if (!cut) return;
  Headers large;
  require(parse(parts[0], static_cast<uint32_t>(frame.size()), large) == Parse::ok);
  Bytes payload;
  uint32_t count = 0;
  while (const uint32_t next = cut->next_size()) {
    Bytes segment(next);
    cut->next(cut_up<Room>(segment, std::max<size_t>(256, cut->header_size()), 100));
    Headers h;
    require(parse(segment, next, h) == Parse::ok);
    require(sums_right(segment, h) && segment.size() <= h.payload_offset + size_t{size});
    require(h.to == large.to && h.destination_port == large.destination_port);
    payload.insert(payload.end(), segment.begin() + h.payload_offset, segment.end());
    ++count;
  }
  require(count == cut->count() && count <= most_segments);
  const size_t end = large.network_offset + size_t{large.network_size};
  require(payload == Bytes(frame.begin() + large.payload_offset,
                           frame.begin() + static_cast<std::ptrdiff_t>(end)));
}

void try_checksum(Bytes frame, uint32_t start, uint32_t offset) {
  const auto rooms = cut_up<Room>(frame, 256, 100);
  const auto whole = static_cast<uint32_t>(frame.size());
  Headers before, after;
  if (parse(rooms[0], whole, before) != Parse::ok) return;
  if (!is_checksum_place(before, rooms[0], start, offset)) return;
  require(complete_checksum(rooms, start, offset));
  require(parse(rooms[0], whole, after) == Parse::ok);
  require(std::memcmp(&before, &after, sizeof(before)) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 5) return 0;
  const Bytes frame(data + 5, data + size);
  const size_t first = data[2] < 128 ? 256 : data[2], piece = size_t{data[3]} + 1;
  const auto parts = cut_up<Part>(frame, first, piece);
  const auto segment_size = static_cast<uint16_t>(data[1] + data[4] / 128 * 256);
  try_segments(frame, parts, static_cast<Segmentation>(data[0] % 8), segment_size);
  try_checksum(frame, data[1], data[4]);
  return 0;
}
