// rooms: switch_drivers
// What a guest's side may say: a vhost-user conversation (VhostCheck) or a virtio header before a
// frame. The first byte picks. Whatever is accepted keeps the promises that rte_vhost and the
// pipeline rely on.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "switch/drivers/vhost_check.h"
#include "switch/drivers/virtio_header.h"

namespace {

using namespace bridle::net;

void require(bool holds) {
  if (!holds) std::abort();
}

void try_header(std::span<const uint8_t> bytes) {
  if (bytes.size() < virtio_header_size + 4) return;
  uint32_t size = 0;
  std::memcpy(&size, bytes.data() + virtio_header_size, sizeof size);
  const auto offload = offload_from(bytes, size);
  if (!offload) return;
  if (offload->needs_checksum)
    require(uint32_t{offload->checksum_start} + offload->checksum_offset + 2 <= size);
  if (offload->segmentation != Offload::none) require(offload->segment_size > 0);
  uint8_t again[virtio_header_size];
  offload_to(*offload, again);
  require(offload_from(again, size).has_value());
}

// A message: request, descriptors, payload size, payload.
void try_conversation(std::span<const uint8_t> bytes) {
  VhostCheck check;
  uint32_t sizes[most_queues] = {};
  bool placed[most_queues] = {};
  while (bytes.size() >= 3) {
    const VhostHeader header{bytes[0], 1, bytes[2]};
    const DescriptorFacts one{.memory = (bytes[1] & 8) != 0,
                              .sealed = true,
                              .event = (bytes[1] & 16) != 0,
                              .size = uint64_t{bytes[1]} << 12};
    const std::vector<DescriptorFacts> facts(bytes[1] & 7, one);
    bytes = bytes.subspan(3);
    if (bytes.size() < header.size) return;
    const auto payload = bytes.first(header.size);
    bytes = bytes.subspan(header.size);
    if (!check.header(header).empty() || !check.message(header, payload, facts).empty()) continue;
    uint32_t words[2] = {};
    std::memcpy(words, payload.data(), std::min(payload.size(), sizeof words));
    if (header.request == 8) {
      require(words[0] < most_queues && words[1] > 0 && words[1] <= 32768);
      require(!placed[words[0]] || sizes[words[0]] == words[1]);
      sizes[words[0]] = words[1];
    } else if (header.request == 9) {
      require(words[0] < most_queues && sizes[words[0]] > 0);
      placed[words[0]] = true;
    } else if (header.request == 11) {
      require(words[0] < most_queues);
      sizes[words[0]] = 0;
      placed[words[0]] = false;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::span<const uint8_t> rest(data + 1, size - 1);
  if (data[0] % 2 == 0)
    try_header(rest);
  else
    try_conversation(rest);
  return 0;
}
