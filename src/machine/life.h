// Life: where one guest is between being nothing and being gone, as a table.
//
// Two complete tables make it:
//
//   step(state, signal)   what a fact (or an act of ours that was sent) makes of a state
//   decide(state, wish)   what to do next to come nearer to the wish
//
//              ask              launch            (reply)        (monitor)
//     off ──────────▶ preparing ───────▶ launching ───────▶ booting ───────▶ running ◀──▶ paused
//      ▲                                                      │  powerdown ▼
//      └────── released ── releasing ◀── ended ◀── exited ────┴─────────── stopping ──▶ killing
//
// unseen is the state after bridled's start, until the jail has said which guests it has.
// Facts are legal everywhere (the world does not ask): a fact that says nothing new about a state
// leaves it. Acts are legal only where the table says so; another one is a bug and asserts.
//
// Thread class: values; pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "model/machine.h"

namespace bridle::machine {

enum class State {
  unseen,     // bridled has just started: nothing is known yet
  off,        // no process, no record in the jail
  preparing,  // intent, status and parts are being made ready; nothing was started
  launching,  // the jail was asked to start it
  booting,    // QEMU lives, its monitor did not answer yet
  running,
  paused,
  stopping,   // asked to power down
  killing,    // SIGKILL was sent
  ended,      // QEMU is gone, the jail still holds its record; last usage is being read
  releasing,  // the jail was asked to forget it
};
constexpr int state_count = 11;

// Facts: what the world says.
enum class Signal {
  seen_absent,    // the jail's list does not have it
  seen_running,   // the jail's list has it alive
  seen_exited,    // the jail's list has it dead
  abandoned,      // what was being prepared failed, or is not wanted any more
  launched,       // the jail started it
  launch_failed,  // the jail did not
  monitor_running,
  monitor_paused,
  exited,
  released,
  // Acts: what was sent.
  sent_prepare,
  sent_launch,
  sent_powerdown,
  sent_kill,
  sent_release,
};
constexpr int signal_count = 15;

// What is wanted of the guest now; the controller derives it from spec.power, deletion, the restart
// policy and the stop deadline.
enum class Wish {
  off,      // gentle: power down first
  off_now,  // force: the deadline passed, or force was asked for
  running,
  paused,
};
constexpr int wish_count = 4;

enum class Act { none, prepare, abandon, launch, pause, resume, powerdown, kill, release };

std::string_view name(State state);
std::string_view name(Signal signal);
std::string_view name(Wish wish);
std::string_view name(Act act);

bool is_act(Signal signal);
// Empty: an act that is illegal in this state.
std::optional<State> next(State state, Signal signal);
// next(), asserted.
State step(State state, Signal signal);
Act decide(State state, Wish wish);

// There is a QEMU process, or there may be one.
bool may_live(State state);
// QEMU is known to live.
bool lives(State state);
// Phase that people see; off and ended become defined or failed by how the guest ended.
model::Phase phase(State state, bool failed);

}  // namespace bridle::machine
