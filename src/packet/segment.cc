#include "packet/segment.h"

#include <algorithm>

#include "base/check.h"
#include "packet/bytes.h"

namespace bridle::packet {

namespace {

constexpr uint32_t ipv6_size = 40, udp_size = 8;
constexpr uint32_t tcp_checksum = 16, udp_checksum = 6;
constexpr uint8_t tcp_fin = 0x01, tcp_push = 0x08, tcp_cwr = 0x80;

uint32_t size_of(std::span<const Part> parts) {
  size_t size = 0;
  for (const Part& part : parts) size += part.size();
  return static_cast<uint32_t>(std::min<size_t>(size, UINT32_MAX));
}

bool is_of_kind(const Headers& h, Segmentation kind) {
  if (h.fragment || h.transport_offset == 0) return false;
  switch (kind) {
    case Segmentation::tcp4:
      return h.network == Network::ipv4 && h.protocol == protocol::tcp;
    case Segmentation::tcp6:
      return h.network == Network::ipv6 && h.protocol == protocol::tcp;
    case Segmentation::udp_l4:
      return h.protocol == protocol::udp;
  }
  return false;
}

}  // namespace

std::optional<Segmenter> Segmenter::begin(std::span<const Part> parts, Segmentation kind,
                                          uint16_t segment_size) {
  if (parts.empty() || segment_size == 0) return std::nullopt;
  Segmenter cut;
  Headers& h = cut.headers_;
  if (parse(parts[0], size_of(parts), h) != Parse::ok || !is_of_kind(h, kind)) return std::nullopt;
  cut.left_ = h.network_offset + h.network_size - h.payload_offset;
  if (kind == Segmentation::udp_l4 &&
      load16(&parts[0][h.transport_offset + 4U]) != udp_size + cut.left_)
    return std::nullopt;
  cut.count_ = std::max(1U, (cut.left_ + segment_size - 1) / segment_size);
  if (cut.count_ > most_segments) return std::nullopt;
  cut.parts_ = parts;
  cut.segment_size_ = segment_size;
  cut.at_ = h.payload_offset;
  return cut;
}

uint32_t Segmenter::next_size() const {
  return done_ == count_ ? 0 : headers_.payload_offset + std::min(segment_size_, left_);
}

void Segmenter::finish_network(uint8_t* frame, uint32_t payload) const {
  uint8_t* at = frame + headers_.network_offset;
  const uint32_t size = headers_.payload_offset - headers_.network_offset + payload;
  if (headers_.network == Network::ipv6) {
    store16(at + 4, static_cast<uint16_t>(size - ipv6_size));
    return;
  }
  store16(at + 2, static_cast<uint16_t>(size));
  store16(at + 4, static_cast<uint16_t>(load16(at + 4) + done_));
  store16(at + 10, 0);
  store16(at + 10, checksum({at, size_t{headers_.transport_offset} - headers_.network_offset}));
}

void Segmenter::finish_tcp(uint8_t* tcp, bool last) const {
  store32(tcp + 4, headers_.tcp_sequence + done_ * segment_size_);
  if (!last) tcp[13] &= static_cast<uint8_t>(~(tcp_fin | tcp_push));
  if (done_ != 0) tcp[13] &= static_cast<uint8_t>(~tcp_cwr);
}

Checksum Segmenter::finish_transport(uint8_t* frame, uint32_t payload) const {
  uint8_t* at = frame + headers_.transport_offset;
  const uint32_t header = headers_.payload_offset - headers_.transport_offset;
  if (headers_.protocol == protocol::tcp) {
    finish_tcp(at, done_ + 1 == count_);
    store16(at + tcp_checksum, 0);
  } else {
    store16(at + 4, static_cast<uint16_t>(header + payload));
    store16(at + udp_checksum, 0);
  }
  Checksum sum = pseudo_header(headers_.from, headers_.to, headers_.protocol, header + payload);
  sum.add({at, header});
  return sum;
}

void Segmenter::copy_payload(std::span<const Room> into, uint32_t size, Checksum& sum) {
  size_t room = 0, room_at = headers_.payload_offset;
  while (size != 0) {
    if (at_ == parts_[part_].size()) {
      ++part_;
      at_ = 0;
    } else if (room_at == into[room].size()) {
      ++room;
      room_at = 0;
    } else {
      const size_t most = std::min(parts_[part_].size() - at_, into[room].size() - room_at);
      const size_t piece = std::min<size_t>(most, size);
      uint8_t* to = into[room].data() + room_at;
      std::memcpy(to, parts_[part_].data() + at_, piece);
      sum.add({to, piece});
      at_ += piece;
      room_at += piece;
      size -= static_cast<uint32_t>(piece);
    }
  }
}

void Segmenter::next(std::span<const Room> into) {
  BRIDLE_ASSERT(done_ != count_ && !into.empty() && into[0].size() >= headers_.payload_offset);
  const uint32_t payload = std::min(segment_size_, left_);
  uint8_t* frame = into[0].data();
  std::memcpy(frame, parts_[0].data(), headers_.payload_offset);
  finish_network(frame, payload);
  Checksum sum = finish_transport(frame, payload);
  copy_payload(into, payload, sum);
  uint8_t* transport = frame + headers_.transport_offset;
  if (headers_.protocol == protocol::tcp)
    store16(transport + tcp_checksum, sum.value());
  else
    store16(transport + udp_checksum, sum.udp_value());
  left_ -= payload;
  ++done_;
}

bool is_checksum_place(const Headers& h, Part first, uint32_t start, uint32_t offset) {
  if (start > first.size() || offset > first.size() || start + offset + 2 > first.size())
    return false;
  if (h.payload_offset != 0) {
    if (start >= h.payload_offset) return true;
    if (start != h.transport_offset) return false;
    return (h.protocol == protocol::tcp && offset == tcp_checksum) ||
           (h.protocol == protocol::udp && offset == udp_checksum);
  }
  // What IP carries is not known (a tunnel): behind the fixed IP header and what is known of it.
  if (h.fragment_offset != 0 || (h.network == Network::ipv6 && h.has_options)) return false;
  if (h.network == Network::ipv6) return start >= h.network_offset + ipv6_size;
  if (h.network != Network::ipv4) return false;
  return start >= h.network_offset + (uint32_t{first[h.network_offset]} & 15) * 4;
}

bool complete_checksum(std::span<const Room> parts, uint32_t start, uint32_t offset) {
  if (parts.empty() || start > parts[0].size() || offset > parts[0].size() ||
      start + offset + 2 > parts[0].size())
    return false;
  Checksum sum;
  sum.add(parts[0].subspan(start));
  for (const Room& part : parts.subspan(1)) sum.add(part);
  store16(&parts[0][start + offset], sum.udp_value());
  return true;
}

}  // namespace bridle::packet
