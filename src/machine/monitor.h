// Monitor: one QMP session with one QEMU, as a pure state machine.
//
//   opened ──> greeting ──> negotiated ──> (prelaunch? links down, cont) ──> up ──> closed
//
// fresh start   The rim connects as soon as the jail has answered (the socket listens before QEMU
//               runs) and sends at once, without waiting for the greeting: capabilities, set_link
//               for every interface, cont, query-status. QEMU works them off in order in the first
//               turn of its main loop, so -S costs no round trip (measured: under 1 ms), and no
//               interface was ever up while the guest could run.
// adoption      bridled came back: greeting, capabilities, query-status first. A guest that its
//               predecessor left in `prelaunch` is set going as in a fresh start; any other is
//               left as it is.
// hold          spec.power is `paused`: as above without `cont`.
//
// A refused set_link is fatal: the session closes with an error and the caller ends the guest.
// Events heard before MonitorUp are given out right after it. Replies that QEMU owes are bounded by
// deadlines; a QEMU that answers nothing is closed. Time comes only from the inputs' `now`.
//
// The rim: feed every input to step(), carry out the actions in order. After every step, call it
// again with MonitorTick not later than deadline() (if there is one).
//
// Thread class: one thread. REQUIRES: MonitorOpened first, nothing after Closed was given out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "machine/qmp.h"
#include "wire/json_lines.h"

namespace bridle::machine {

struct MonitorOptions {
  bool fresh = true;               // bridled started this QEMU just now
  bool hold = false;               // do not let it run
  std::vector<std::string> links;  // Launch::links: set down before the guest runs
  Duration greeting_timeout = std::chrono::seconds(20);  // QEMU may be waiting for a busy host
  Duration command_timeout = std::chrono::seconds(10);
};

// What the caller calls its commands, to know their replies.
using Token = uint64_t;

struct MonitorOpened {};  // connected
struct MonitorBytes {
  std::string_view bytes;  // read from the socket
};
struct MonitorEnded {
  std::string why;  // end of file or an error of the socket
};
struct MonitorTick {};
struct MonitorCommand {
  Token token = 0;
  std::string name;  // "system_powerdown"
  json::object arguments;
  std::optional<Duration> timeout;  // default: MonitorOptions::command_timeout
};
using MonitorInput =
    std::variant<MonitorOpened, MonitorBytes, MonitorEnded, MonitorTick, MonitorCommand>;

struct MonitorSend {
  std::string bytes;  // write them all
};
struct MonitorUp {
  qmp::RunState state = qmp::RunState::other;
  QemuVersion version;
};
struct MonitorEvent {
  qmp::Event event;
  WallTime at;  // by QEMU's clock
};
struct MonitorReply {
  Token token = 0;
  Result<json::value> result;  // Code::unreachable: no answer in time, or the session ended
};
struct MonitorClosed {
  Error error;  // close the socket; the object is of no more use
};
using MonitorAction =
    std::variant<MonitorSend, MonitorUp, MonitorEvent, MonitorReply, MonitorClosed>;

class Monitor {
 public:
  static constexpr size_t max_pending = 64;

  explicit Monitor(MonitorOptions options);

  // Commands given before MonitorUp are sent as soon as the session is up.
  std::vector<MonitorAction> step(Tick now, const MonitorInput& input);

  // When MonitorTick is due; empty: nothing is waited for.
  std::optional<Tick> deadline() const;

  bool up() const { return phase_ == Phase::up; }
  bool closed() const { return phase_ == Phase::closed; }
  // As last heard (events keep it current). Meaningful once up.
  qmp::RunState state() const { return state_; }

 private:
  enum class Phase { idle, greeting, negotiating, up, closed };
  enum class Purpose { capabilities, link, go, status, caller };
  struct Pending {
    Purpose purpose;
    Token token = 0;
    Tick due;
  };
  using Actions = std::vector<MonitorAction>;

  void on(Tick now, const MonitorOpened&, Actions& out);
  void on(Tick now, const MonitorBytes& input, Actions& out);
  void on(Tick now, const MonitorEnded& input, Actions& out);
  void on(Tick now, const MonitorTick&, Actions& out);
  void on(Tick now, const MonitorCommand& input, Actions& out);
  void hear(Tick now, const qmp::Greeting& greeting, Actions& out);
  void hear(Tick now, qmp::Reply& reply, Actions& out);
  void hear(Tick now, const qmp::TimedEvent& event, Actions& out);
  void status_known(Tick now, const json::value& status, Actions& out);
  std::string release_lines(Tick now);
  std::string line(Tick now, Purpose purpose, std::string_view name, const json::object& arguments);
  void send_for_caller(Tick now, const MonitorCommand& command, Actions& out);
  void come_up(Tick now, Actions& out);
  void close(Error error, Actions& out);

  MonitorOptions options_;
  Phase phase_ = Phase::idle;
  qmp::RunState state_ = qmp::RunState::other;
  QemuVersion version_;
  wire::LineBuffer lines_;
  Tick up_due_;            // by then the session must be up
  bool released_ = false;  // links down and cont were sent
  uint64_t next_id_ = 1;
  std::map<uint64_t, Pending> pending_;
  std::vector<MonitorCommand> waiting_;  // given before the session was up
  std::vector<MonitorEvent> early_;      // heard before the session was up
};

}  // namespace bridle::machine
