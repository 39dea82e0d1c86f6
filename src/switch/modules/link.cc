#include "switch/modules/link.h"

namespace bridle::net {
namespace {

class Link final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    if (!context.port.link) return batch.drop_all(Drop::link_down);
    if (!context.port.known_machine) return batch.drop_all(Drop::unknown_machine);
    if (context.port.stale_machine) return batch.drop_all(Drop::stale_machine);
    if (context.port.kind != PortKind::mirror) return;
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1)
      if (const uint32_t i = Batch::first(rest);
          context.stage == Stage::ingress || !batch.frames[i]->mirrored)
        batch.drop(i, Drop::into_mirror);
  }
};

bool is_wanted(const Snapshot& snapshot, PortIndex index, Stage /*stage*/) {
  const PortView& port = snapshot.port(index);
  return !port.link || !port.known_machine || port.stale_machine || port.kind == PortKind::mirror;
}

}  // namespace

const ModuleKind link_module{
    .name = "link",
    .ingress = true,
    .egress = true,
    .make = [](const Snapshot&, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<Link>();
    },
    .required = true,
    .wanted = is_wanted,
};

}  // namespace bridle::net
