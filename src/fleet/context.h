// Context: what one step of the controller has in common: the time the event carries, the actions
// it adds up, and tokens. Passed to every loop; owned by the Controller.
// Thread class: the controller's.
#pragma once

#include <utility>
#include <vector>

#include "base/random.h"
#include "fleet/actions.h"
#include "fleet/controller.h"

namespace bridle::fleet {

struct Context {
  explicit Context(Random& source, Options wishes) : random(source), options(wishes) {}

  Random& random;
  Options options;
  HostFacts host;
  Tick now;
  WallTime wall;
  bool jail_up = false;
  uint64_t jail_epoch = 0;  // rises with every JailUp
  std::vector<Action> out;

  Token token() { return ++last_token_; }
  void act(Action action) { out.push_back(std::move(action)); }

 private:
  Token last_token_ = 0;
};

}  // namespace bridle::fleet
