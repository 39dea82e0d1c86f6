#include "switch/module.h"
#include "switch/outputs.h"
#include "switch/trace_recorder.h"

namespace bridle::net {

PortCounters& Context::cause_of(const Frame& frame) const {
  return plane.counters(frame.from, worker);
}

Frame* Context::make(uint32_t head, const Frame& because) {
  Frame* frame = pool.take(head);
  if (frame == nullptr) return nullptr;
  frame->from = because.from;
  frame->group = because.group;
  frame->vlan = because.vlan;
  cause_of(because).made.add(1);
  return frame;
}

Frame* Context::duplicate(const Frame& frame) {
  Frame* twin = copy(frame, pool);
  if (twin == nullptr && stage == Stage::ingress) {
    outputs.empty_all();  // what waits in queues holds the frames that are missing
    twin = copy(frame, pool);
  }
  PortCounters& cause = cause_of(frame);
  cause.made.add(1);
  if (twin == nullptr) cause.drop(Drop::no_frames);
  return twin;
}

void Context::send(Frame* frame, PortIndex to) {
  if (trace != nullptr) [[unlikely]]
    trace->queued(to);
  outputs.push(frame, to);
}

void Context::say(std::string_view text) const { trace->say(text); }

}  // namespace bridle::net
