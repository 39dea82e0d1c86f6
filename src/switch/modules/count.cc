#include "switch/modules/count.h"

namespace bridle::net {
namespace {

struct Kinds {
  uint64_t groups = 0, broadcasts = 0;
};

Kinds count(const Batch& batch) {
  Kinds kinds;
  unsigned several = 0;
  for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1)
    several |= batch.frames[Batch::first(rest)]->headers.destination.bytes[0];
  if ((several & 1) == 0) [[likely]]
    return kinds;
  for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
    const MacAddress& to = batch.frames[Batch::first(rest)]->headers.destination;
    if (!to.is_multicast()) continue;
    ++(to.is_broadcast() ? kinds.broadcasts : kinds.groups);
  }
  return kinds;
}

class Count final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    const Kinds kinds = count(batch);
    const auto all = static_cast<uint64_t>(__builtin_popcount(batch.live));
    const uint64_t ones = all - kinds.groups - kinds.broadcasts;
    PortCounters& counters = context.counters;
    const bool in = context.stage == Stage::ingress;
    (in ? counters.unicast_in : counters.unicast_out).add(ones);
    if (ones == all) return;
    (in ? counters.multicast_in : counters.multicast_out).add(kinds.groups);
    (in ? counters.broadcast_in : counters.broadcast_out).add(kinds.broadcasts);
  }
};

}  // namespace

const ModuleKind count_module{
    .name = "count",
    .ingress = true,
    .egress = true,
    .make = [](const Snapshot&, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<Count>();
    },
};

}  // namespace bridle::net
