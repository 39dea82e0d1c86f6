#include "switch/drivers/virtio_header.h"

#include <algorithm>
#include <cstring>

namespace bridle::net {
namespace {

constexpr uint8_t flag_needs_checksum = 1, flag_valid = 2, ecn = 0x80;

uint16_t little16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] | bytes[at + 1] << 8);
}
void put16(std::span<uint8_t> into, size_t at, uint16_t value) {
  into[at] = static_cast<uint8_t>(value);
  into[at + 1] = static_cast<uint8_t>(value >> 8);
}

bool known_segmentation(uint8_t kind) {
  return kind == Offload::none || kind == Offload::tcp4 || kind == Offload::udp ||
         kind == Offload::tcp6 || kind == Offload::udp_l4;
}

}  // namespace

std::optional<Offload> offload_from(std::span<const uint8_t> bytes, uint32_t frame_size) {
  Offload offload;
  const uint8_t flags = bytes[0], kind = bytes[1] & ~ecn;
  if (flags == 0 && kind == Offload::none) return offload;
  if (!known_segmentation(kind)) return std::nullopt;
  offload.needs_checksum = (flags & flag_needs_checksum) != 0;
  offload.checked = !offload.needs_checksum && (flags & flag_valid) != 0;
  if (offload.needs_checksum) {
    offload.checksum_start = little16(bytes, 6);
    offload.checksum_offset = little16(bytes, 8);
    const uint32_t end = uint32_t{offload.checksum_start} + offload.checksum_offset + 2;
    if (offload.checksum_start < ethernet_header || end > frame_size) return std::nullopt;
  }
  if (kind == Offload::none) return offload;
  offload.segmentation = static_cast<Offload::Segmentation>(kind);
  offload.congestion = (bytes[1] & ecn) != 0;
  offload.header_size = static_cast<uint16_t>(std::min<uint32_t>(little16(bytes, 2), frame_size));
  offload.segment_size = little16(bytes, 4);
  if (offload.segment_size == 0) return std::nullopt;
  return offload;
}

void offload_to(const Offload& offload, std::span<uint8_t> into) {
  std::memset(into.data(), 0, virtio_header_size);
  if (offload.needs_checksum) {
    into[0] = flag_needs_checksum;
    put16(into, 6, offload.checksum_start);
    put16(into, 8, offload.checksum_offset);
  } else if (offload.checked) {
    into[0] = flag_valid;
  }
  if (offload.segmentation == Offload::none) return;
  into[1] = static_cast<uint8_t>(offload.segmentation | (offload.congestion ? ecn : 0));
  put16(into, 2, offload.header_size);
  put16(into, 4, offload.segment_size);
}

}  // namespace bridle::net
