// Outputs: one worker's queue for every port, and what happens at its end: the egress modules of
// the port, then its driver.
//
// A queue is emptied when it holds a burst, and at the end of each turn: a frame never waits longer
// than a turn. A port that did not take all of the last burst is congested: its queue then collects
// up to `deepest` frames of the turn, and is sent in turns of the senders (the first of each, the
// second of each ...), for what does not fit is at the end: who sends most loses most.
//
// Here the books are kept that must close whatever modules do (switch/counters.h).
//
// Thread class: one worker's.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "switch/module.h"
#include "switch/plane.h"

namespace bridle::net {

// What one worker works with in this turn.
struct Turn {
  const Plane* plane = nullptr;
  FramePool* pool = nullptr;
  size_t worker = 0;
  Tick now;
  uint64_t (*cycles)() = nullptr;
  uint64_t charged = 0;  // cycles that Outputs has already put on somebody's account
  Trace* trace = nullptr;
};

class Outputs {
 public:
  static constexpr size_t deepest = 256;

  explicit Outputs(Turn& turn) : turn_(turn) {}

  // For another snapshot. REQUIRES: all queues are empty.
  void resize(size_t ports);

  void push(Frame* frame, PortIndex to) {
    Queue& queue = queues_[to];
    if (queue.count == 0) active_.push_back(to);
    queue.frames[queue.count++] = frame;
    if (queue.count >= queue.limit) [[unlikely]]
      empty_one(to);
  }
  // The same for several, in order.
  void push_all(std::span<Frame* const> frames, PortIndex to);
  // Everything goes; congested ports last.
  void empty_all();
  bool sent_something() const { return sent_something_; }
  void begin_turn() { sent_something_ = false; }

  // Releases what a stage ended, with its reasons. Live frames stay.
  static void settle(Turn& turn, Batch& batch, Context& context);

 private:
  struct Queue {
    uint16_t count = 0;
    uint16_t limit = burst;
    bool congested = false;
    std::array<Frame*, deepest> frames;
  };
  // Frames that reached the driver's door, in order.
  struct Departure {
    std::array<Frame*, burst> frames;
    std::array<PortIndex, burst> from;
    std::array<uint32_t, burst> size;
    size_t count = 0;
    size_t lost = 0;  // that the driver did not take
  };

  void empty_one(PortIndex to);
  void order_fairly(std::span<Frame*> frames);
  size_t pass_burst(PortIndex to, std::span<Frame* const> frames);
  void depart(Context& context, Batch& batch, Departure& departure);
  void add(Context& context, Departure& departure, Frame* frame);
  void hand_over(Context& context, Departure& departure);
  void refuse_all(PortIndex to, std::span<Frame* const> frames, Drop reason);
  void account(const Departure& departure, size_t sent, const Context& context);
  void charge(std::span<const PortIndex> from, uint64_t cycles);

  Turn& turn_;
  std::vector<Queue> queues_;
  std::vector<PortIndex> active_;   // queues that are not empty
  std::vector<uint16_t> in_queue_;  // scratch of order_fairly(), a sender each
  bool sent_something_ = false;
};

// Runs the steps until nothing is live.
inline void run_steps(std::span<const Step> steps, Batch& batch, Context& context) {
  for (const Step& step : steps) {
    if (batch.live == 0) return;
    step.module->process(batch, context);
  }
}
void run_traced(std::span<const Step> steps, Batch& batch, Context& context);

}  // namespace bridle::net
