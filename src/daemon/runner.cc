#include "daemon/runner.h"

#include "base/check.h"

namespace bridle::daemon {

void Runner::check_hands() const {
  for (const auto& hand : hands_) BRIDLE_ASSERT(hand != nullptr);
}

void Runner::drain() {
  if (draining_) return;
  draining_ = true;
  while (!waiting_.empty()) {
    const fleet::Event event = std::move(waiting_.front());
    waiting_.pop_front();
    const Tick begin = clock_.now();
    for (fleet::Action& action : controller_.step(event)) hands_[action.index()](action);
    steps_.observe(clock_.now() - begin);
  }
  draining_ = false;
}

}  // namespace bridle::daemon
