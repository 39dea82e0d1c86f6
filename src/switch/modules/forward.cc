#include "switch/modules/forward.h"

#include <algorithm>
#include <optional>

#include "switch/outputs.h"
#include "switch/trace_recorder.h"

namespace bridle::net {
namespace {

bool is_reserved(const MacAddress& to) {
  const auto& b = to.bytes;
  const bool bridges = b[0] == 1 && b[1] == 0x80 && b[2] == 0xc2 && b[3] == 0 && b[4] == 0;
  if (bridges) return b[5] < 0x10;
  if (b[0] != 1 || b[1] != 0 || b[2] != 0x0c) return false;
  const bool cisco = b[3] == 0xcc && b[4] == 0xcc && (b[5] == 0xcc || b[5] == 0xcd);
  return cisco || (b[3] == 0 && b[4] == 0 && b[5] == 0);
}

// Nothing: a frame may go from the one to the other.
std::optional<Drop> forbidden(const PortView& from, const PortView& to) {
  if (!from.outside() || !to.outside()) return std::nullopt;
  if (from.kind == PortKind::ring && to.kind == PortKind::ring) return Drop::ring_to_ring;
  if (to.kind == PortKind::ring || from.transit) return std::nullopt;
  return Drop::uplink_to_uplink;
}

bool is_among(PortIndex port, std::span<const PortIndex> ports) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

void push(Context& context, Frame* frame, PortIndex to) {
  frame->to = to;
  if (context.trace != nullptr) [[unlikely]]
    context.trace->queued(to);
  context.outputs.push(frame, to);
}

// Copies of one frame to several ports; the frame itself goes to the last.
class Spread {
 public:
  Spread(Context& context, Frame& frame) : context_(context), frame_(frame) {}
  void to(PortIndex port) {
    if (last_ != no_port)
      if (Frame* twin = context_.duplicate(frame_); twin != nullptr) push(context_, twin, last_);
    last_ = port;
  }
  PortIndex last() const { return last_; }

 private:
  Context& context_;
  Frame& frame_;
  PortIndex last_ = no_port;
};

// Frames that follow each other to one port.
class Run {
 public:
  void add(Frame* frame, PortIndex to) {
    frames_[count_++] = frame;
    frame->to = to_ = to;
  }
  void leave(Context& context) {
    if (count_ == 0) return;
    if (context.trace != nullptr) [[unlikely]]
      for (size_t i = 0; i < count_; ++i) context.trace->queued(to_);
    context.outputs.push_all({frames_.data(), count_}, to_);
    count_ = 0;
  }

 private:
  std::array<Frame*, burst> frames_;
  size_t count_ = 0;
  PortIndex to_ = no_port;
};

class Forward final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    const auto& to = context.snapshot.to();
    std::array<uint64_t, burst> keys;
    uint64_t key = no_key;
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      const Frame& frame = *batch.frames[i];
      keys[i] = Snapshot::key(frame.group, frame.headers.destination);
      if (keys[i] != key) to.prefetch(key = keys[i]);
    }
    const bool plain = is_plain(context);
    // Frames to one address come one after the other: it is sought once, and they leave together.
    const Destination* there = nullptr;
    key = no_key;
    Run run;
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      if (keys[i] != key) {
        run.leave(context);
        there = to.find(key = keys[i]);
      }
      const bool ports = there != nullptr && there->kind == Destination::port;
      if (plain && ports && there->value != context.index) [[likely]]
        run.add(batch.take(i), there->value);
      else if (ports)
        deliver(batch, i, context, there->value);
      else if (batch.frames[i]->headers.destination.is_multicast())
        spread(batch, i, context, there);
      else
        seek(batch, i, context, there);
    }
    run.leave(context);
  }

 private:
  static constexpr uint64_t no_key = UINT64_MAX;  // the broadcast address of no group

  // A guest of one group in which nobody sees everything: its frames go to whoever has the address.
  static bool is_plain(const Context& context) {
    return context.port.group != no_group && !context.port.outside() &&
           context.snapshot.group(context.port.group).promiscuous_count == 0;
  }

  static void deliver(Batch& batch, uint32_t i, Context& context, PortIndex to) {
    if (to == context.index) return batch.drop(i, Drop::same_port);
    if (context.port.outside())
      if (const auto reason = forbidden(context.port, context.snapshot.port(to)))
        return batch.drop(i, *reason);
    Frame& frame = *batch.frames[i];
    if (context.snapshot.group(frame.group).promiscuous_count != 0) [[unlikely]]
      show_promiscuous(context, frame, to);
    push(context, batch.take(i), to);
  }

  static void show_promiscuous(Context& context, const Frame& frame, PortIndex but) {
    const Snapshot& snapshot = context.snapshot;
    for (const PortIndex port : snapshot.promiscuous(snapshot.group(frame.group))) {
      if (port == but || port == context.index) continue;
      if (!snapshot.carries(snapshot.port(port), frame)) continue;
      if (Frame* twin = context.duplicate(frame); twin != nullptr) push(context, twin, port);
    }
  }

  // An address that no port has for itself.
  static void seek(Batch& batch, uint32_t i, Context& context, const Destination* there) {
    const Frame& frame = *batch.frames[i];
    const Snapshot& snapshot = context.snapshot;
    LiveAddresses& live = context.plane.addresses();
    if (there != nullptr) {
      context.explain("several ports have the address: to the one that used it last");
      return deliver(batch, i, context, live.holder(there->value));
    }
    const GroupView& group = snapshot.group(frame.group);
    if (group.learns)
      if (const PortIndex to = live.find(frame.group, frame.headers.destination.key());
          to != no_port) {
        context.explain("a port uses the address beside its own");
        return deliver(batch, i, context, to);
      }
    if (group.uplinks_count == 0) return batch.drop(i, Drop::no_destination);
    if (is_among(context.index, snapshot.uplinks(group)))
      return batch.drop(i, Drop::uplink_to_uplink);
    const PortIndex uplink = context.plane.teams().choose(snapshot, frame);
    if (uplink == no_port) return batch.drop(i, Drop::output_down);
    context.explain("nobody here has the address: to the uplink");
    deliver(batch, i, context, uplink);
  }

  static void spread(Batch& batch, uint32_t i, Context& context, const Destination* there) {
    Frame& frame = *batch.frames[i];
    if (is_reserved(frame.headers.destination)) return batch.drop(i, Drop::reserved_address);
    const GroupView& group = context.snapshot.group(frame.group);
    Spread spread(context, frame);
    Drop reason = Drop::no_member;
    if (there != nullptr)
      to_list(spread, context, frame, context.snapshot.list(there->value));
    else if (group.flood_multicast || frame.headers.destination.is_broadcast())
      reason = to_members(spread, context, frame);
    if (spread.last() == no_port) return batch.drop(i, reason);
    const PortIndex last = spread.last();
    if (there != nullptr && group.promiscuous_count != 0) show_promiscuous(context, frame, last);
    push(context, batch.take(i), last);
  }

  static void to_list(Spread& spread, const Context& context, const Frame& frame,
                      std::span<const PortIndex> list) {
    for (const PortIndex port : list) {
      const PortView& view = context.snapshot.port(port);
      if (port != context.index && !forbidden(context.port, view) &&
          context.snapshot.carries(view, frame))
        spread.to(port);
    }
  }

  // Returns why nobody got it, should nobody.
  static Drop to_members(Spread& spread, const Context& context, const Frame& frame) {
    const Snapshot& snapshot = context.snapshot;
    const GroupView& group = snapshot.group(frame.group);
    const auto uplinks = snapshot.uplinks(group);
    const Teams& teams = context.plane.teams();
    const bool from_uplink = is_among(context.index, uplinks);
    const PortIndex uplink = from_uplink ? no_port : teams.choose(snapshot, frame);
    Drop reason = Drop::no_member;
    for (const PortIndex port : snapshot.members(group)) {
      const PortView& view = snapshot.port(port);
      if (port == context.index || forbidden(context.port, view)) continue;
      if (!snapshot.carries(view, frame)) continue;
      if (port != uplink && view.outside() && is_among(port, uplinks)) continue;
      if (from_uplink && !teams.takes_from(snapshot, frame.group, port, context.index))
        reason = Drop::standby_uplink;
      else
        spread.to(port);
    }
    return reason;
  }
};

}  // namespace

const ModuleKind forward_module{
    .name = "forward",
    .ingress = true,
    .needs = "link vlan security",
    .make = [](const Snapshot&, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<Forward>();
    },
    .required = true,
};

}  // namespace bridle::net
