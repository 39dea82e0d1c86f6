// Receiver: a burst from one port on its way into the switch: headers read once, ingress modules
// run, what ended settled. What is left lies in the output queues.
//
// Thread class: one worker's.
#pragma once

#include "switch/outputs.h"

namespace bridle::net {

class Receiver {
 public:
  Receiver(Turn& turn, Outputs& outputs) : turn_(turn), outputs_(outputs) {}

  // At most `most` frames of the port. Returns how many came, and adds up their bytes.
  struct Came {
    size_t frames = 0;
    uint64_t bytes = 0;
    uint32_t largest = 0;
  };
  Came receive(PortIndex port, Driver& driver, size_t most);

  // The same for frames that are here already (questions).
  Came take_in(PortIndex port, std::span<Frame* const> frames);

 private:
  void parse_all(PortIndex port, Batch& batch, Came& came);
  void show_received(const Batch& batch, PortIndex port);

  Turn& turn_;
  Outputs& outputs_;
};

}  // namespace bridle::net
