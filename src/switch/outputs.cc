#include "switch/outputs.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "switch/trace_recorder.h"

namespace bridle::net {
namespace {

Context context_of(Turn& turn, Outputs& outputs, PortIndex port) {
  const Plane& plane = *turn.plane;
  return {plane.snapshot(),
          plane,
          plane.snapshot().port(port),
          port,
          Stage::egress,
          turn.now,
          *turn.pool,
          outputs,
          plane.counters(port, turn.worker),
          turn.worker,
          turn.trace};
}

Batch batch_of(std::span<Frame* const> frames) {
  Batch batch;
  std::copy(frames.begin(), frames.end(), batch.frames.begin());
  batch.count = static_cast<uint32_t>(frames.size());
  batch.live = frames.size() == burst ? ~0U : (1U << frames.size()) - 1;
  return batch;
}

void show(const Turn& turn, PortIndex port, const Frame& frame, CaptureEvent event, Drop reason) {
  const uint32_t id = port == no_port ? 0 : turn.plane->snapshot().port(port).id;
  CaptureTap& tap = *turn.plane->tap();
  if (tap.wants(event, id))
    tap.put(turn.worker, frame, {turn.now, id, event, reason, frame.size, {}});
}

void drop_one(Turn& turn, Frame& frame, Drop reason, Context& context) {
  context.cause_of(frame).drop(reason);
  if (context.stage == Stage::egress) context.counters.refuse(reason);
  if (turn.plane->tap() != nullptr) [[unlikely]]
    show(turn, context.index, frame, CaptureEvent::dropped, reason);
  if (turn.trace != nullptr) [[unlikely]]
    turn.trace->dropped(reason);
  release(&frame);
}

}  // namespace

void run_traced(std::span<const Step> steps, Batch& batch, Context& context) {
  for (const Step& step : steps) {
    if (batch.live == 0) return;
    context.trace->before(batch);
    step.module->process(batch, context);
    context.trace->after(batch, *step.kind, context);
  }
}

void Outputs::resize(size_t ports) {
  BRIDLE_ASSERT(active_.empty());
  queues_.assign(ports, Queue{});
  in_queue_.assign(ports + 1, 0);
}

void Outputs::settle(Turn& turn, Batch& batch, Context& context) {
  for (uint32_t rest = batch.dropped; rest != 0; rest &= rest - 1) {
    const uint32_t i = Batch::first(rest);
    for (Frame *frame = batch.frames[i], *after = nullptr; frame != nullptr; frame = after) {
      after = frame->after;
      drop_one(turn, *frame, batch.reasons[i], context);
    }
  }
  for (uint32_t rest = batch.consumed; rest != 0; rest &= rest - 1) {
    Frame* frame = batch.frames[Batch::first(rest)];
    context.cause_of(*frame).consumed.add(1);
    release(frame);
  }
  batch.dropped = batch.consumed = 0;
}

void Outputs::refuse_all(PortIndex to, std::span<Frame* const> frames, Drop reason) {
  Batch batch = batch_of(frames);
  Context context = context_of(turn_, *this, to);
  batch.drop_all(reason);
  if (turn_.trace != nullptr)
    turn_.trace->step(to, Stage::egress, "send", "drop " + std::string(name(reason)));
  settle(turn_, batch, context);
}

void Outputs::push_all(std::span<Frame* const> frames, PortIndex to) {
  Queue& queue = queues_[to];
  while (!frames.empty()) {
    if (queue.count == 0) active_.push_back(to);
    const size_t some = std::min<size_t>(frames.size(), queue.limit - queue.count);
    std::copy_n(frames.begin(), some, queue.frames.begin() + queue.count);
    queue.count = static_cast<uint16_t>(queue.count + some);
    if (queue.count >= queue.limit) empty_one(to);
    frames = frames.subspan(some);
  }
}

void Outputs::empty_all() {
  // Queues that others fill meanwhile (mirrors) come at the end of the list and are seen, too.
  for (const bool congested : {false, true})
    for (size_t i = 0; i < active_.size(); ++i)
      if (const PortIndex to = active_[i]; queues_[to].count > 0)
        if (congested || !queues_[to].congested) empty_one(to);
  active_.clear();
}

void Outputs::empty_one(PortIndex to) {
  Queue& queue = queues_[to];
  // Out of the queue first: egress modules may queue for the same port again.
  std::array<Frame*, deepest> frames;
  const size_t count = queue.count;
  std::copy_n(queue.frames.begin(), count, frames.begin());
  queue.count = 0;
  if (queue.congested) order_fairly({frames.data(), count});
  turn_.plane->counters(to, turn_.worker).queued.add(count);
  size_t lost = 0;
  for (size_t at = 0; at < count; at += burst)
    lost += pass_burst(to, {frames.data() + at, std::min(burst, count - at)});
  queue.congested = lost > 0;
  queue.limit = lost > 0 ? deepest : burst;
}

// The k-th frames of all senders before the (k+1)-th of any; each sender's stay in order.
void Outputs::order_fairly(std::span<Frame*> frames) {
  std::array<uint16_t, deepest> rank;
  std::array<uint16_t, deepest + 1> starts{};
  const auto sender = [this](const Frame* frame) -> uint16_t& {
    return in_queue_[frame->from == no_port ? in_queue_.size() - 1 : frame->from];
  };
  for (size_t i = 0; i < frames.size(); ++i) ++starts[(rank[i] = sender(frames[i])++) + 1];
  for (const Frame* frame : frames) sender(frame) = 0;
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::array<Frame*, deepest> ordered;
  for (size_t i = 0; i < frames.size(); ++i) ordered[starts[rank[i]]++] = frames[i];
  std::copy_n(ordered.begin(), frames.size(), frames.begin());
}

size_t Outputs::pass_burst(PortIndex to, std::span<Frame* const> frames) {
  const uint64_t began = turn_.cycles != nullptr ? turn_.cycles() : 0;
  const uint64_t charged = turn_.charged;
  std::array<PortIndex, burst> from;
  for (size_t i = 0; i < frames.size(); ++i) from[i] = frames[i]->from;
  Departure departure;
  Driver* driver = turn_.plane->driver(to);
  if (turn_.trace == nullptr && (driver == nullptr || !driver->up())) {
    refuse_all(to, frames, Drop::output_down);
  } else {
    Context context = context_of(turn_, *this, to);
    Batch batch = batch_of(frames);
    const auto steps = turn_.plane->graph().egress(to);
    turn_.trace == nullptr ? run_steps(steps, batch, context) : run_traced(steps, batch, context);
    depart(context, batch, departure);
  }
  if (turn_.cycles != nullptr) {
    // What queues of others cost that were emptied in between is on their senders' account.
    const uint64_t others = turn_.charged - charged;
    charge({from.data(), frames.size()}, turn_.cycles() - began - others);
  }
  return departure.lost;
}

inline void Outputs::add(Context& context, Departure& departure, Frame* frame) {
  if (departure.count == burst) hand_over(context, departure);
  const size_t i = departure.count++;
  departure.frames[i] = frame;
  departure.from[i] = frame->from;
  departure.size[i] = frame->size;
}

void Outputs::depart(Context& context, Batch& batch, Departure& departure) {
  for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
    Frame* frame = batch.frames[Batch::first(rest)];
    while (frame->after != nullptr) {
      Frame* after = std::exchange(frame->after, nullptr);
      add(context, departure, frame);
      frame = after;
    }
    add(context, departure, frame);
  }
  if (departure.count > 0) hand_over(context, departure);
  settle(turn_, batch, context);
}

void Outputs::hand_over(Context& context, Departure& departure) {
  const std::span<Frame* const> frames{departure.frames.data(), departure.count};
  size_t sent = departure.count;
  if (turn_.plane->tap() != nullptr) [[unlikely]]
    for (const Frame* frame : frames)
      show(turn_, context.index, *frame, CaptureEvent::sent, Drop{});
  if (turn_.trace == nullptr) {
    // Around nothing but the driver: no egress module ever runs under a lock.
    const std::lock_guard lock(turn_.plane->port(context.index).sending);
    sent = turn_.plane->driver(context.index)->send(frames);
  } else {
    for (Frame* frame : frames) turn_.trace->output(context.index, *frame), release(frame);
  }
  departure.lost += departure.count - sent;
  sent_something_ = sent_something_ || sent > 0;
  account(departure, sent, context);
  departure.count = 0;
}

void Outputs::account(const Departure& departure, size_t sent, const Context& context) {
  PortCounters& destination = context.counters;
  uint64_t bytes = 0;
  for (size_t i = 0; i < sent;) {
    const PortIndex from = departure.from[i];
    uint64_t frames = 0, of_this = 0;
    for (; i < sent && departure.from[i] == from; ++i) ++frames, of_this += departure.size[i];
    PortCounters& cause = turn_.plane->counters(from, turn_.worker);
    cause.delivered.add(frames);
    cause.delivered_bytes.add(of_this);
    bytes += of_this;
  }
  destination.sent.add(sent);
  destination.sent_bytes.add(bytes);
  if (sent == departure.count) return;
  const Drop reason = context.port.kind == PortKind::mirror ? Drop::mirror_full : Drop::output_full;
  for (size_t i = sent; i < departure.count; ++i)  // released by the driver already
    turn_.plane->counters(departure.from[i], turn_.worker).drop(reason);
  destination.refuse(reason, departure.count - sent);
}

// Every frame of the burst bears the same part.
void Outputs::charge(std::span<const PortIndex> from, uint64_t cycles) {
  turn_.charged += cycles;
  const auto each = static_cast<uint32_t>(cycles) / static_cast<uint32_t>(from.size());
  for (size_t i = 0; i < from.size();) {
    const PortIndex cause = from[i];
    uint64_t frames = 0;
    for (; i < from.size() && from[i] == cause; ++i) ++frames;
    PortState& port = turn_.plane->port(cause);
    port.counters[turn_.worker].cycles.add(frames * each);
    port.credit -= static_cast<int64_t>(frames * each);
  }
}

}  // namespace bridle::net
