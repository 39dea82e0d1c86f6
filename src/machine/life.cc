#include "machine/life.h"

#include <array>

#include "base/check.h"

namespace bridle::machine {
namespace {

constexpr std::array<std::string_view, state_count> state_names = {
    "unseen", "off",      "preparing", "launching", "booting",  "running",
    "paused", "stopping", "killing",   "ended",     "releasing"};
constexpr std::array<std::string_view, signal_count> signal_names = {
    "seen_absent",   "seen_running",    "seen_exited",    "abandoned", "launched",
    "launch_failed", "monitor_running", "monitor_paused", "exited",    "released",
    "sent_prepare",  "sent_launch",     "sent_powerdown", "sent_kill", "sent_release"};
constexpr std::array<std::string_view, wish_count> wish_names = {"off", "off_now", "running",
                                                                 "paused"};
constexpr std::array<std::string_view, 9> act_names = {
    "none", "prepare", "abandon", "launch", "pause", "resume", "powerdown", "kill", "release"};

using Row = std::array<int8_t, state_count>;

constexpr int8_t bad = -1;  // an illegal act
// States, short, so that the table can be read.
enum : int8_t { U, O, P, L, B, R, Z, S, K, E, X };

// One row a signal, one column a state: what it becomes.
constexpr std::array<Row, signal_count> transitions = {{
    // U  O  P  L  B  R  Z  S  K  E  X
    {{O, O, P, O, E, E, E, E, E, E, O}},                      // seen_absent
    {{B, B, B, B, B, R, Z, S, K, E, X}},                      // seen_running
    {{E, E, E, E, E, E, E, E, E, E, X}},                      // seen_exited
    {{U, O, O, L, B, R, Z, S, K, E, X}},                      // abandoned
    {{U, B, B, B, B, R, Z, S, K, E, X}},                      // launched
    {{U, O, P, O, B, R, Z, S, K, E, X}},                      // launch_failed
    {{U, O, P, L, R, R, R, S, K, E, X}},                      // monitor_running
    {{U, O, P, L, Z, Z, Z, S, K, E, X}},                      // monitor_paused
    {{U, O, P, E, E, E, E, E, E, E, X}},                      // exited
    {{U, O, P, L, B, R, Z, S, K, O, O}},                      // released
    {{bad, P, bad, bad, bad, bad, bad, bad, bad, bad, bad}},  // sent_prepare
    {{bad, bad, L, bad, bad, bad, bad, bad, bad, bad, bad}},  // sent_launch
    {{bad, bad, bad, bad, bad, S, S, S, bad, bad, bad}},      // sent_powerdown
    {{bad, bad, bad, bad, K, K, K, K, K, bad, bad}},          // sent_kill
    {{bad, bad, bad, bad, bad, bad, bad, bad, bad, X, X}},    // sent_release
}};

// One row a state, one column a wish: off, off_now, running, paused.
constexpr std::array<std::array<Act, wish_count>, state_count> decisions = {{
    {{Act::none, Act::none, Act::none, Act::none}},              // unseen
    {{Act::none, Act::none, Act::prepare, Act::prepare}},        // off
    {{Act::abandon, Act::abandon, Act::launch, Act::launch}},    // preparing
    {{Act::none, Act::none, Act::none, Act::none}},              // launching
    {{Act::none, Act::kill, Act::none, Act::none}},              // booting
    {{Act::powerdown, Act::kill, Act::none, Act::pause}},        // running
    {{Act::powerdown, Act::kill, Act::resume, Act::none}},       // paused
    {{Act::none, Act::kill, Act::none, Act::none}},              // stopping
    {{Act::none, Act::none, Act::none, Act::none}},              // killing
    {{Act::release, Act::release, Act::release, Act::release}},  // ended
    {{Act::none, Act::none, Act::none, Act::none}},              // releasing
}};

}  // namespace

std::string_view name(State state) { return state_names[static_cast<size_t>(state)]; }
std::string_view name(Signal signal) { return signal_names[static_cast<size_t>(signal)]; }
std::string_view name(Wish wish) { return wish_names[static_cast<size_t>(wish)]; }
std::string_view name(Act act) { return act_names[static_cast<size_t>(act)]; }

bool is_act(Signal signal) { return signal >= Signal::sent_prepare; }

std::optional<State> next(State state, Signal signal) {
  int8_t to = transitions[static_cast<size_t>(signal)][static_cast<size_t>(state)];
  if (to == bad) return std::nullopt;
  return static_cast<State>(to);
}

State step(State state, Signal signal) {
  std::optional<State> to = next(state, signal);
  BRIDLE_ASSERT(to.has_value());
  return *to;
}

Act decide(State state, Wish wish) {
  return decisions[static_cast<size_t>(state)][static_cast<size_t>(wish)];
}

bool may_live(State state) {
  return state == State::unseen || state == State::launching || lives(state);
}

bool lives(State state) { return state >= State::booting && state <= State::killing; }

model::Phase phase(State state, bool failed) {
  using model::Phase;
  constexpr std::array<Phase, state_count> phases = {
      Phase::defined,  Phase::defined, Phase::starting, Phase::starting,
      Phase::starting, Phase::running, Phase::paused,   Phase::stopping,
      Phase::stopping, Phase::defined, Phase::defined};
  Phase found = phases[static_cast<size_t>(state)];
  return failed && found == Phase::defined ? Phase::failed : found;
}

}  // namespace bridle::machine
