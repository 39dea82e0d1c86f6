#include "switch/modules/mirror.h"

#include <vector>

namespace bridle::net {
namespace {

// The first `most` bytes of it.
void cut(Frame& frame, uint32_t most) {
  if (frame.size <= most) return;
  frame.size = most;
  Frame* part = &frame;
  for (uint32_t left = most; left > part->head; part = part->next) left -= part->head;
  uint32_t before = 0;
  for (const Frame* earlier = &frame; earlier != part; earlier = earlier->next)
    before += earlier->head;
  part->head = most - before;
  if (part->next != nullptr) release(part->next);
  part->next = nullptr;
  frame.offload = Offload{};  // it is not whole any more
}

bool names(const Mirror& mirror, const Snapshot& snapshot, PortIndex index) {
  const PortView& port = snapshot.port(index);
  for (const uint32_t id : mirror.ports)
    if (id == port.id) return true;
  for (const uint32_t id : mirror.groups)
    for (const PortIndex member : snapshot.members(snapshot.group(snapshot.group_by_id(id))))
      if (member == index) return true;
  return false;
}

class MirrorModule final : public Module {
 public:
  explicit MirrorModule(const Snapshot& snapshot) : targets_(snapshot.port_count()) {
    for (const Mirror& mirror : snapshot.config().mirrors) add(snapshot, mirror);
  }

  void process(Batch& batch, Context& context) const override {
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const Frame& frame = *batch.frames[Batch::first(rest)];
      if (frame.mirrored) continue;
      for (const Target& target : targets_[context.index]) show(frame, target, context);
    }
  }

 private:
  struct Target {
    PortIndex to;
    uint32_t snap;
  };

  void add(const Snapshot& snapshot, const Mirror& mirror) {
    const PortIndex to = snapshot.port_by_id(mirror.to);
    const Target target{to, mirror.snap == 0 ? UINT32_MAX : mirror.snap};
    std::vector<bool> named(snapshot.port_count());
    for (const uint32_t id : mirror.ports) named[snapshot.port_by_id(id)] = true;
    for (const uint32_t id : mirror.groups)
      for (const PortIndex member : snapshot.members(snapshot.group(snapshot.group_by_id(id))))
        named[member] = true;
    named[to] = false;
    for (size_t i = 0; i < named.size(); ++i)
      if (named[i]) targets_[i].push_back(target);
  }

  static void show(const Frame& frame, const Target& target, Context& context) {
    Frame* twin = context.duplicate(frame);
    if (twin == nullptr) return;
    cut(*twin, target.snap);
    twin->mirrored = true;
    context.counters.mirrored.add(1);
    context.send(twin, target.to);
  }

  std::vector<std::vector<Target>> targets_;
};

}  // namespace

const ModuleKind mirror_module{
    .name = "mirror",
    .ingress = true,
    .egress = true,
    .make = [](const Snapshot& snapshot, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<MirrorModule>(snapshot);
    },
    .wanted =
        [](const Snapshot& snapshot, PortIndex port, Stage) {
          for (const Mirror& mirror : snapshot.config().mirrors)
            if (names(mirror, snapshot, port)) return true;
          return false;
        },
};

}  // namespace bridle::net
