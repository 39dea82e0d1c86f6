#include "switch/modules/policy.h"

#include "switch/plane.h"

namespace bridle::net {
namespace {

class Policy final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    if (const PolicyProgram* program = context.plane.policy(); program != nullptr)
      program->judge(batch, context);
  }
};

}  // namespace

const ModuleKind policy_module{
    .name = "policy",
    .ingress = true,
    .egress = true,
    .make = [](const Snapshot&, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<Policy>();
    },
    .required = true,
};

}  // namespace bridle::net
