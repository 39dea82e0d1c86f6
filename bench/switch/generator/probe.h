// Probe: single frames instead of full rings.
//
//   wake   a frame after a pause in which the switch fell asleep: how long until it arrives
//   gap    frames at a steady rate for a while (somebody ends the switch meanwhile and starts it
//          again): the longest time in which none arrived
//
// Thread class: one thread.
#pragma once

#include <cstdint>
#include <vector>

namespace bridle::bench {

class Flow;
class Port;

// Nanoseconds of each frame; one that did not arrive within a second is not among them.
std::vector<uint64_t> wake(Flow& flow, Port& to, uint64_t count, uint64_t pause_us);

struct Gap {
  uint64_t sent = 0, received = 0;
  uint64_t longest_ns = 0;
};

// Frames every `interval_us` for `ms`. `both` are the ports whose other side may go and come.
Gap gap(Flow& flow, Port& from, Port& to, uint64_t interval_us, uint64_t ms);

}  // namespace bridle::bench
