// Module: one step of the pipeline, compiled in, put together at run time. Each has a pair of files
// in switch/modules whose header is its manual; modules/registry.cc lists them all.
//
//   ingress: frames of one port, as they were received, headers parsed and `ok`
//            link mirror vlan offload security source_guard dhcp arp_nd dns policy count forward
//   egress:  frames for one port, whoever sent them
//            link policy rate mtu vlan mirror count offload
//
// Config::modules is one list of names; what stands before `forward` works on ingress, what stands
// behind it on egress. A module works on a Batch: up to 32 frames, of which `live` says which are
// still on their way. For each live frame a module does exactly one of:
//
//   keep      nothing; it may change the frame's bytes and offloads as its manual says, and keeps
//             `headers` true to them where it does
//   drop      batch.drop(i, Drop::reason)
//   consume   batch.consume(i): the switch was its destination (a question that it answers)
//   send      context.send(batch.take(i), port): only `forward` and those that answer in place
//
// Frames of its own it takes with context.make() or context.duplicate() (both counted) and gives to
// context.send(): they go through the egress modules of that port, not through ingress again.
//
// A module is made once for each snapshot, by its factory, from the snapshot; it may build tables
// of its own there (switch/table.h), and keeps nothing that frames change: what must live longer is
// in Plane (switch/plane.h). wanted() says for which ports it has anything to do: the others never
// call it. It reads frames by Frame::headers only; payload (DHCP, DNS) it copies out once, bounded.
//
// Under context.trace it works as always, leaves Plane alone, and says why (explain()).
//
// Thread class: process(): any worker, at the same time as others (const). The rest: control.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "switch/counters.h"
#include "switch/driver.h"
#include "switch/frame.h"
#include "switch/snapshot.h"

namespace bridle::net {

class Plane;
class Outputs;
class Trace;

enum class Stage : uint8_t { ingress, egress };

struct Batch {
  std::array<Frame*, burst> frames;
  std::array<Drop, burst> reasons;  // of those dropped
  uint32_t live = 0;                // bit i: frames[i] goes on
  uint32_t dropped = 0, consumed = 0;
  uint32_t count = 0;

  // for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) { i = Batch::first(rest); ... }
  static uint32_t first(uint32_t rest) { return static_cast<uint32_t>(__builtin_ctz(rest)); }
  void drop(uint32_t i, Drop reason) {
    reasons[i] = reason;
    dropped |= 1U << i;
    live &= ~(1U << i);
  }
  void consume(uint32_t i) {
    consumed |= 1U << i;
    live &= ~(1U << i);
  }
  Frame* take(uint32_t i) {
    live &= ~(1U << i);
    return frames[i];
  }
  void drop_all(Drop reason) {
    for (uint32_t rest = live; rest != 0; rest &= rest - 1) drop(first(rest), reason);
  }
};

struct Context {
  const Snapshot& snapshot;
  const Plane& plane;    // what lives longer than a snapshot, and changes
  const PortView& port;  // ingress: where the batch came in; egress: where it leaves
  PortIndex index;       // its place
  Stage stage;
  Tick now;
  FramePool& pool;
  Outputs& outputs;
  PortCounters& counters;  // of `port`, of this worker
  size_t worker = 0;
  Trace* trace = nullptr;  // set: nobody's traffic, but a question

  // A frame of the switch's own: `head` contiguous bytes, group and cause as those of `because`.
  // Null: no free frame (the caller drops what it could not answer: Drop::no_frames).
  Frame* make(uint32_t head, const Frame& because);
  // A copy with all that is known of it. Null: no free frame (then counted as made and dropped).
  Frame* duplicate(const Frame& frame);
  // Into that port's queue; the frame is the queue's from now on.
  void send(Frame* frame, PortIndex to);
  // The counters of the port that the frame came in by (the cause of all that becomes of it).
  PortCounters& cause_of(const Frame& frame) const;
  // Costs nothing without a trace. `text` as for people: "learned by port web/net0".
  void explain(std::string_view text) const {
    if (trace != nullptr) [[unlikely]]
      say(text);
  }

 private:
  void say(std::string_view text) const;
};

class Module {
 public:
  virtual ~Module() = default;
  virtual void process(Batch& batch, Context& context) const = 0;
};

// What the registry knows of each.
struct ModuleKind {
  std::string_view name;
  // In which stages it may stand; an ingress module and an egress module may have one name.
  bool ingress = false, egress = false;
  // Names that must stand before it in the same stage, separated by spaces.
  std::string_view needs;
  std::unique_ptr<const Module> (*make)(const Snapshot& snapshot, Stage stage);
  // A graph without it would not be safe.
  bool required = false;
  // Has it anything to do for this port's frames? Null: always.
  bool (*wanted)(const Snapshot& snapshot, PortIndex port, Stage stage) = nullptr;
};

// All compiled in.
std::span<const ModuleKind> module_kinds();
// The order when Config::modules is empty.
std::span<const std::string_view> default_modules();

}  // namespace bridle::net
