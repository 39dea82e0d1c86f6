// Runner: runs the controller. Events are told to it in order; each step's actions go to the hands
// that registered for their types. An event told while actions are being carried out waits for its
// turn, so that the controller never runs inside itself.
//
// Thread class: the loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <variant>

#include "api/metrics.h"
#include "base/clock.h"
#include "base/random.h"
#include "fleet/controller.h"

namespace bridle::daemon {

class Runner {
 public:
  Runner(Clock& clock, Random& random) : clock_(clock), controller_(random) {}

  // REQUIRES: once for every action type, before the first tell().
  template <typename A>
  void handle(std::function<void(A&)> hand) {
    hands_[fleet::Action(A{}).index()] = [hand = std::move(hand)](fleet::Action& action) {
      hand(std::get<A>(action));
    };
  }

  template <typename E>
  void tell(E body) {
    waiting_.push_back({clock_.now(), clock_.wall(), std::move(body)});
    drain();
  }

  // Every action has its hand: called once all have registered.
  void check_hands() const;

  const fleet::Controller& controller() const { return controller_; }
  // How long a step took, its actions included.
  const api::Histogram& steps() const { return steps_; }

 private:
  void drain();

  Clock& clock_;
  fleet::Controller controller_;
  std::array<std::function<void(fleet::Action&)>, std::variant_size_v<fleet::Action>> hands_;
  std::deque<fleet::Event> waiting_;
  bool draining_ = false;
  api::Histogram steps_;
};

}  // namespace bridle::daemon
