// The machine actions: one closed set, each with the phases it is legal in. HTTP, the command line
// and the controller all speak it; authorization comes before it.
//
//   action   defined starting running paused stopping failed   what it does
//   define      .       .        .      .       .       .      (legal only where no machine is)
//   start       x       x        x      x       x       x      spec.power = running
//   stop        x       x        x      x       x       x      spec.power = stopped
//   pause       .       x        x      x       .       .      spec.power = paused
//   resume      .       x        x      x       .       .      spec.power = running
//   reset       .       .        x      x       .       .      an Operation
//   remove      x       x        x      x       x       x      two-phase deletion
//
// start, stop, pause, resume and remove state a wish; where the wish is already true they change
// nothing. A wish that makes no sense now (pausing what is off) is Code::conflict.
//
// Thread class: free functions over values; any thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/machine.h"

namespace bridle::machine {

enum class Action { define, start, stop, pause, resume, reset, remove };

struct ActionInfo {
  Action action;
  std::string_view name;              // "start": in URLs, on the command line, in the ledger
  bool is_operation;                  // makes an Operation instead of writing spec.power
  std::optional<model::Power> power;  // what it writes to spec.power
};

const std::vector<ActionInfo>& all_actions();
const ActionInfo& info(Action action);
const ActionInfo* find_action(std::string_view name);  // empty: no such action

bool legal(Action action, model::Phase phase);
// Code::conflict, "a machine that is stopping cannot be paused; …": what to do instead.
Status check(Action action, model::Phase phase);

}  // namespace bridle::machine
