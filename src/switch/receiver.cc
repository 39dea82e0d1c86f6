#include "switch/receiver.h"

#include "switch/trace_recorder.h"

namespace bridle::net {

Receiver::Came Receiver::receive(PortIndex port, Driver& driver, size_t most) {
  std::array<Frame*, burst> frames;
  const size_t count = driver.receive({frames.data(), most});
  if (count == 0) return {};
  return take_in(port, {frames.data(), count});
}

Receiver::Came Receiver::take_in(PortIndex port, std::span<Frame* const> frames) {
  const Plane& plane = *turn_.plane;
  Batch batch;
  for (size_t i = 0; i < frames.size(); ++i) batch.frames[i] = frames[i];
  batch.count = static_cast<uint32_t>(frames.size());
  batch.live = frames.size() == burst ? ~0U : (1U << frames.size()) - 1;
  Context context{plane.snapshot(),
                  plane,
                  plane.snapshot().port(port),
                  port,
                  Stage::ingress,
                  turn_.now,
                  *turn_.pool,
                  outputs_,
                  plane.counters(port, turn_.worker),
                  turn_.worker,
                  turn_.trace};
  Came came{frames.size()};
  parse_all(port, batch, came);
  context.counters.received.add(came.frames);
  context.counters.received_bytes.add(came.bytes);
  if (plane.tap() != nullptr) [[unlikely]]
    show_received(batch, port);
  const auto steps = plane.graph().ingress(port);
  turn_.trace == nullptr ? run_steps(steps, batch, context) : run_traced(steps, batch, context);
  if ((batch.dropped | batch.consumed) != 0) Outputs::settle(turn_, batch, context);
  return came;
}

void Receiver::parse_all(PortIndex port, Batch& batch, Came& came) {
  const PortView& view = turn_.plane->snapshot().port(port);
  uint64_t bytes = 0;
  uint32_t largest = 0;
  for (uint32_t i = 0; i < batch.count; ++i) {
    Frame& frame = *batch.frames[i];
    const packet::Parse result = packet::parse(frame.bytes(), frame.size, frame.headers);
    frame.from = port;
    frame.group = view.group;
    bytes += frame.size;
    largest = largest < frame.size ? frame.size : largest;
    if (result != packet::Parse::ok) [[unlikely]]
      batch.drop(i, drop_of(result));
  }
  came.bytes = bytes;
  came.largest = largest;
  if (turn_.trace != nullptr)
    turn_.trace->step(port, Stage::ingress, "parse",
                      batch.dropped == 0 ? "keep" : "drop " + std::string(name(batch.reasons[0])));
}

void Receiver::show_received(const Batch& batch, PortIndex port) {
  CaptureTap& tap = *turn_.plane->tap();
  const uint32_t id = turn_.plane->snapshot().port(port).id;
  if (!tap.wants(CaptureEvent::received, id)) return;
  for (uint32_t i = 0; i < batch.count; ++i)
    tap.put(turn_.worker, *batch.frames[i],
            {turn_.now, id, CaptureEvent::received, Drop{}, batch.frames[i]->size, {}});
}

}  // namespace bridle::net
