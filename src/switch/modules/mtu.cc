#include "switch/modules/mtu.h"

namespace bridle::net {
namespace {

// Bytes behind the Ethernet header and tags of the largest frame that becomes of it.
uint32_t payload_of(const Frame& frame) {
  const packet::Headers& headers = frame.headers;
  if (frame.offload.segmentation == Offload::none) return frame.size - headers.network_offset;
  return headers.payload_offset - headers.network_offset + frame.offload.segment_size;
}

class Mtu final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      const Frame& frame = *batch.frames[i];
      const uint32_t most = context.port.group == no_group && frame.group != no_group
                                ? context.snapshot.group(frame.group).mtu
                                : context.port.mtu;
      if (frame.size <= most + ethernet_header) [[likely]]
        continue;
      if (!frame.mirrored && payload_of(frame) > most) batch.drop(i, Drop::too_big);
    }
  }
};

}  // namespace

const ModuleKind mtu_module{
    .name = "mtu",
    .egress = true,
    .make = [](const Snapshot&, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<Mtu>();
    },
    .required = true,
};

}  // namespace bridle::net
