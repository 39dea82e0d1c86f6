#include "switch/question.h"

#include "switch/memory_pool.h"
#include "switch/receiver.h"
#include "switch/trace_recorder.h"

namespace bridle::net {
namespace {

constexpr size_t frames_for_a_question = 1024;

// The same plane with counters and rates that are nobody's.
Plane copy_for_question(const Plane& plane) {
  Plane::Parts parts = plane.parts();
  parts.workers = 1;
  parts.tap = nullptr;
  for (auto& port : parts.ports) port = std::make_shared<PortState>(port->id, 1);
  return Plane(std::move(parts));
}

}  // namespace

Result<TraceReport> ask(const Plane& plane, PortIndex port, std::span<const uint8_t> frame) {
  if (frame.empty() || frame.size() > largest_frame)
    return Error(Code::invalid, "a frame has 1 to " + std::to_string(largest_frame) + " bytes");
  MemoryPool pool(frames_for_a_question);
  Trace trace(plane.snapshot());
  const Plane own = copy_for_question(plane);
  Turn turn{.plane = &own, .pool = &pool, .trace = &trace};
  Outputs outputs(turn);
  outputs.resize(own.snapshot().port_count());
  Receiver receiver(turn, outputs);
  Frame* const asked = frame_of(frame, pool);
  receiver.take_in(port, {&asked, 1});
  outputs.empty_all();
  return trace.take();
}

Result<TraceReport> trace(const Snapshot& snapshot, PortIndex port,
                          std::span<const uint8_t> frame) {
  const std::shared_ptr<const Snapshot> lent(&snapshot, [](const Snapshot*) {});
  Plane::Parts parts{.snapshot = lent,
                     .graph = std::make_shared<const Graph>(snapshot),
                     .addresses = std::make_shared<LiveAddresses>(snapshot)};
  parts.teams =
      std::make_shared<const Teams>(snapshot, std::vector<bool>(snapshot.port_count(), true));
  parts.drivers.resize(snapshot.port_count());
  for (size_t i = 0; i <= snapshot.port_count(); ++i)
    parts.ports.push_back(std::make_shared<PortState>(static_cast<uint32_t>(i), 1));
  return ask(Plane(std::move(parts)), port, frame);
}

}  // namespace bridle::net
