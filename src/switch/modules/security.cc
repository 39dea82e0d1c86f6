#include "switch/modules/security.h"

#include <algorithm>

#include "switch/plane.h"

namespace bridle::net {
namespace {

using Learned = LiveAddresses::Learned;

class SecurityModule final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    const bool guest = context.port.kind == PortKind::guest;
    const bool plain = guest && !context.port.shares_addresses;
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      const uint64_t source = batch.frames[i]->headers.source.key();
      if (plain && source == context.port.mac) [[likely]]
        continue;
      guest ? judge_guest(batch, i, context) : judge_outside(batch, i, context);
    }
  }

 private:
  static bool is_nobodys(const MacAddress& source) {
    return source.is_multicast() || source.is_zero();
  }

  static void judge_guest(Batch& batch, uint32_t i, Context& context) {
    const MacAddress& source = batch.frames[i]->headers.source;
    if (is_nobodys(source)) return batch.drop(i, Drop::bad_source);
    const auto own = context.snapshot.macs(context.port);
    if (std::find(own.begin(), own.end(), source.key()) != own.end())
      return claim(*batch.frames[i], context);
    const bool may_learn = context.port.learning > 0 || context.port.mac_changes;
    const Learned learned = may_learn ? learn(source, context) : Learned::full;
    if (learned == Learned::yes || context.port.forged_transmits) return;
    batch.drop(i, !may_learn                    ? Drop::forged_source
                  : learned == Learned::another ? Drop::address_of_another
                                                : Drop::learning_full);
  }

  static Learned learn(const MacAddress& source, Context& context) {
    if (context.trace == nullptr)
      return context.plane.addresses().learn(context.index, source.key(), context.now);
    context.explain("the port may use other addresses than its own, and learns them");
    return context.plane.addresses().foresee(context.index, source.key());
  }

  static void claim(const Frame& frame, Context& context) {
    if (!context.port.shares_addresses || context.trace != nullptr) return;
    const Destination* there =
        context.snapshot.to().find(Snapshot::key(frame.group, frame.headers.source));
    if (there != nullptr && there->kind == Destination::shared)
      context.plane.addresses().claim(there->value, context.index);
  }

  static void judge_outside(Batch& batch, uint32_t i, Context& context) {
    const Frame& frame = *batch.frames[i];
    if (is_nobodys(frame.headers.source)) return batch.drop(i, Drop::bad_source);
    const Destination* there =
        context.snapshot.to().find(Snapshot::key(frame.group, frame.headers.source));
    const bool ours = there != nullptr && !is_behind(*there, context);
    if (ours || is_learned(frame, context)) batch.drop(i, Drop::reflected);
  }

  // The address is not a guest's of this switch.
  static bool is_behind(const Destination& there, const Context& context) {
    return there.kind == Destination::port &&
           (there.value == context.index ||
            context.snapshot.port(there.value).kind != PortKind::guest);
  }

  static bool is_learned(const Frame& frame, const Context& context) {
    return context.snapshot.group(frame.group).learns &&
           context.plane.addresses().find(frame.group, frame.headers.source.key()) != no_port;
  }
};

}  // namespace

const ModuleKind security_module{
    .name = "security",
    .ingress = true,
    .needs = "vlan",
    .make = [](const Snapshot&, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<SecurityModule>();
    },
    .required = true,
};

}  // namespace bridle::net
