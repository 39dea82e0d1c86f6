#include "machine/action.h"

#include <array>
#include <string>

namespace bridle::machine {
namespace {

using model::Phase;
using model::Power;

constexpr size_t phase_count = 6;

struct Rule {
  std::array<bool, phase_count> legal;  // defined starting running paused stopping failed
  std::string_view instead;             // what to do where it is not
};

// In the order of Action.
constexpr Rule rules[] = {
    {{false, false, false, false, false, false}, "it exists already; apply a changed spec"},
    {{true, true, true, true, true, true}, ""},
    {{true, true, true, true, true, true}, ""},
    {{false, true, true, true, false, false}, "start it first"},
    {{false, true, true, true, false, false}, "start it instead"},
    {{false, false, true, true, false, false}, "wait until it runs, or start it"},
    {{true, true, true, true, true, true}, ""},
};

constexpr std::string_view past[] = {"defined", "started", "stopped", "paused",
                                     "resumed", "reset",   "removed"};

}  // namespace

const std::vector<ActionInfo>& all_actions() {
  static const std::vector<ActionInfo> actions = {
      {Action::define, "define", false, std::nullopt},
      {Action::start, "start", false, Power::running},
      {Action::stop, "stop", false, Power::stopped},
      {Action::pause, "pause", false, Power::paused},
      {Action::resume, "resume", false, Power::running},
      {Action::reset, "reset", true, std::nullopt},
      {Action::remove, "remove", false, std::nullopt},
  };
  return actions;
}

const ActionInfo& info(Action action) { return all_actions()[static_cast<size_t>(action)]; }

const ActionInfo* find_action(std::string_view word) {
  for (const ActionInfo& action : all_actions())
    if (action.name == word) return &action;
  return nullptr;
}

bool legal(Action action, Phase phase) {
  return rules[static_cast<size_t>(action)].legal[static_cast<size_t>(phase)];
}

Status check(Action action, Phase phase) {
  if (legal(action, phase)) return {};
  const Rule& rule = rules[static_cast<size_t>(action)];
  return Error(Code::conflict, "a machine that is " + std::string(model::name(phase)) +
                                   " cannot be " + std::string(past[static_cast<size_t>(action)]) +
                                   "; " + std::string(rule.instead));
}

}  // namespace bridle::machine
