// The header that virtio-net, TAP and AF_PACKET put before a frame: what the sender left undone.
//
// struct virtio_net_hdr (virtio 1.2, 5.1.6; linux/virtio_net.h), little-endian, 10 bytes; with
// mergeable buffers 12, of which the last two count buffers and mean nothing here.
//
// What it says comes from outside and is checked against the frame behind it; a request that does
// not fit the frame makes no sense, and the frame is not taken. The header's size is a hint only
// (the pipeline recomputes it) and is bounded by the frame.
//
// Thread class: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "switch/frame.h"

namespace bridle::net {

constexpr size_t virtio_header_size = 10;

// bytes: at least virtio_header_size; frame_size: of what follows. Empty: it does not fit.
std::optional<Offload> offload_from(std::span<const uint8_t> bytes, uint32_t frame_size);
// into: at least virtio_header_size bytes, all of which are written.
void offload_to(const Offload& offload, std::span<uint8_t> into);

}  // namespace bridle::net
