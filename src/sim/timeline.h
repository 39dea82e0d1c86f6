// Timeline: virtual time. What is to happen waits in order of its time, then of its making; nothing
// sleeps. The same calls give the same order.
// Thread class: one thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/random.h"

namespace bridle::sim {

class Timeline {
 public:
  Tick now() const { return now_; }
  WallTime wall() const { return {1'767'225'600'000'000'000 + now_.ns}; }

  void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  void at(Tick when, std::function<void()> what) {
    queue_.emplace(std::pair{std::max(when, now_), ++order_}, std::move(what));
  }
  // The next happening; false: nothing is left, or it is later than `until`.
  bool step(Tick until) {
    if (queue_.empty() || queue_.begin()->first.first > until) return false;
    auto next = queue_.extract(queue_.begin());
    now_ = next.key().first;
    next.mapped()();
    return true;
  }
  // Nothing happens until then.
  void rest(Tick until) { now_ = std::max(now_, until); }

 private:
  Tick now_{1'000'000'000};
  uint64_t order_ = 0;
  std::map<std::pair<Tick, uint64_t>, std::function<void()>> queue_;
};

// Chance for the simulation, with the words it needs.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  bool one_in(uint64_t n) { return random_.below(n) == 0; }
  bool percent(unsigned p) { return random_.below(100) < p; }
  uint64_t below(uint64_t n) { return random_.below(n); }
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<int64_t>(
                       random_.below(static_cast<uint64_t>((most - least).count()) + 1)));
  }
  Random& source() { return random_; }

 private:
  SeededRandom random_;
};

// The first broken invariant ends a run; its words are kept. Also keeps the trace.
class Checks {
 public:
  explicit Checks(bool keep_trace) : keep_trace_(keep_trace) {}
  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }
  void require(bool holds, const std::string& what) {
    if (!holds) fail(what);
  }
  bool ok() const { return failure_.empty(); }
  const std::string& failure() const { return failure_; }

  bool tracing() const { return keep_trace_; }
  void line(const std::string& text) {
    if (keep_trace_) trace_ += text + "\n";
  }
  const std::string& trace() const { return trace_; }

 private:
  bool keep_trace_;
  std::string failure_, trace_;
};

}  // namespace bridle::sim
