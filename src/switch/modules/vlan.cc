#include "switch/modules/vlan.h"

#include <cstring>

#include "packet/bytes.h"

namespace bridle::net {
namespace {

constexpr uint32_t tag_size = 4, addresses_size = 12;

// Offsets into the frame after its front grew or shrank by `change`.
void shift(Frame& frame, int change) {
  packet::Headers& h = frame.headers;
  const auto move = [change](uint16_t& offset) {
    if (offset != 0) offset = static_cast<uint16_t>(offset + change);
  };
  move(h.network_offset);
  move(h.transport_offset);
  move(h.payload_offset);
  move(frame.offload.checksum_start);
  move(frame.offload.header_size);
  frame.data -= change;
  frame.head = static_cast<uint32_t>(static_cast<int>(frame.head) + change);
  frame.size = static_cast<uint32_t>(static_cast<int>(frame.size) + change);
}

// REQUIRES: one tag.
void strip(Frame& frame) {
  std::memmove(frame.data + tag_size, frame.data, addresses_size);
  shift(frame, -static_cast<int>(tag_size));
  frame.headers.tags = 0;
  frame.headers.tci[0] = frame.headers.tag_type[0] = 0;
}

// REQUIRES: no tag.
void insert(Frame& frame, uint16_t vlan) {
  shift(frame, tag_size);
  std::memmove(frame.data, frame.data + tag_size, addresses_size);
  packet::store16(frame.data + addresses_size, packet::ether_type::vlan);
  packet::store16(frame.data + addresses_size + 2, vlan);
  frame.headers.tags = 1;
  frame.headers.tci[0] = vlan;
  frame.headers.tag_type[0] = packet::ether_type::vlan;
}

// A provider's tag (802.1ad) names no VLAN of ours.
bool is_foreign(const Frame& frame) {
  return frame.headers.tags == 1 && frame.headers.tag_type[0] != packet::ether_type::vlan;
}

class VlanIngress final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    const PortView& port = context.port;
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      Frame& frame = *batch.frames[i];
      frame.vlan = port.vlan;
      if (port.vlan_mode == VlanMode::guest) continue;
      if (port.vlan_mode == VlanMode::trunk)
        trunk(batch, i, context);
      else if (frame.headers.tags != 0 || port.tag) [[unlikely]]
        access(batch, i, port);
    }
  }

 private:
  static void access(Batch& batch, uint32_t i, const PortView& port) {
    Frame& frame = *batch.frames[i];
    if (frame.headers.tags == 2) return batch.drop(i, Drop::vlan_double_tag);
    if (is_foreign(frame)) return batch.drop(i, Drop::vlan_not_allowed);
    const bool tagged = frame.headers.tags == 1;
    const uint16_t id = frame.headers.vlan();
    if (!port.tag && id != 0) return batch.drop(i, Drop::vlan_tagged);
    if (port.tag && id == 0) return batch.drop(i, Drop::vlan_untagged);
    if (port.tag && id != port.vlan) return batch.drop(i, Drop::vlan_not_allowed);
    if (tagged) strip(frame);
  }

  static void trunk(Batch& batch, uint32_t i, const Context& context) {
    Frame& frame = *batch.frames[i];
    if (frame.headers.tags == 2) return batch.drop(i, Drop::vlan_double_tag);
    if (is_foreign(frame)) return batch.drop(i, Drop::vlan_not_allowed);
    if (frame.headers.vlan() != 0) frame.vlan = frame.headers.vlan();
    if (frame.vlan == 0) return batch.drop(i, Drop::vlan_untagged);
    frame.group = context.snapshot.carried(context.port, frame.vlan);
    if (frame.group == no_group) return batch.drop(i, Drop::vlan_not_allowed);
    if (frame.headers.tags == 1) strip(frame);
  }
};

class VlanEgress final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    const PortView& port = context.port;
    const bool tags = port.tag || port.vlan_mode == VlanMode::trunk;
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      Frame& frame = *batch.frames[i];
      if (frame.mirrored) continue;
      if (!context.snapshot.carries(port, frame)) {
        batch.drop(i, Drop::vlan_not_allowed);
        continue;
      }
      const bool native = port.vlan_mode == VlanMode::trunk && frame.vlan == port.vlan;
      if (tags && !native) insert(frame, frame.vlan);
    }
  }
};

bool is_wanted(const Snapshot& snapshot, PortIndex index, Stage stage) {
  const PortView& port = snapshot.port(index);
  if (port.kind == PortKind::mirror) return false;
  if (stage == Stage::ingress || port.tag || port.vlan_mode == VlanMode::trunk) return true;
  return !snapshot.group(port.group).uniform;
}

}  // namespace

const ModuleKind vlan_module{
    .name = "vlan",
    .ingress = true,
    .egress = true,
    .make = [](const Snapshot&, Stage stage) -> std::unique_ptr<const Module> {
      if (stage == Stage::ingress) return std::make_unique<VlanIngress>();
      return std::make_unique<VlanEgress>();
    },
    .required = true,
    .wanted = is_wanted,
};

}  // namespace bridle::net
