// Timers: the hands for the controller's SetTimer and CancelTimer.
// Thread class: the loop's thread.
#pragma once

#include <algorithm>
#include <map>
#include <memory>

#include "base/clock.h"
#include "daemon/loop.h"
#include "daemon/runner.h"

namespace bridle::daemon {

class Timers {
 public:
  Timers(Loop& loop, Clock& clock, Runner& runner) : loop_(loop), clock_(clock), runner_(runner) {
    runner_.handle<fleet::SetTimer>([this](auto& a) { set(a); });
    runner_.handle<fleet::CancelTimer>([this](auto& a) { set_.erase(a.token); });
  }

 private:
  void set(const fleet::SetTimer& action) {
    const Duration delay = std::max(action.at - clock_.now(), Duration(0));
    set_[action.token] = loop_.after(delay, [this, token = action.token] {
      set_.erase(token);
      runner_.tell(fleet::TimerFired{token});
    });
  }

  Loop& loop_;
  Clock& clock_;
  Runner& runner_;
  std::map<fleet::Token, std::unique_ptr<Handle>> set_;
};

}  // namespace bridle::daemon
