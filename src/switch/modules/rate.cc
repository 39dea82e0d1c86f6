#include "switch/modules/rate.h"

#include <mutex>

#include "switch/plane.h"

namespace bridle::net {
namespace {

class LimitReceived final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    if (context.trace != nullptr) return context.explain("a question costs nothing");
    const Rate& rate = context.snapshot.port_config(context.index).receive;
    PortState& state = context.plane.port(context.index);
    const std::lock_guard lock(state.sending);
    state.receive_rate.ready(rate, context.now);
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      if (state.receive_rate.level() > 0)
        state.receive_rate.spend(batch.frames[i]->size);
      else
        batch.drop(i, Drop::rate_receive);
    }
  }
};

}  // namespace

const ModuleKind rate_module{
    .name = "rate",
    .egress = true,
    .make = [](const Snapshot&, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<LimitReceived>();
    },
    .required = true,
    .wanted = [](const Snapshot& snapshot, PortIndex port,
                 Stage) { return snapshot.port(port).limited_receive; },
};

}  // namespace bridle::net
