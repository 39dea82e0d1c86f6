// Guest: what the machine loop knows of one guest beside its stored object. Facts and what is under
// way; everything else is derived at each look.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fleet/actions.h"
#include "fleet/intents.h"
#include "machine/life.h"

namespace bridle::fleet {

// A command to QEMU's monitor: announced, then sent (token), then answered.
struct Command {
  MonitorVerb verb;
  Intents::Id intent = 0;
  bool own_intent = true;  // false: part of a stop, whose intent it is
  Token token = 0;         // 0: not sent
  std::string operation;   // of a reset
};

// Why a machine that is wanted on is off.
struct Blocked {
  std::string reason, message;
  bool failed = false;  // needs somebody; else it goes on by itself
};

// What is set aside for machines that are wanted on, whether they run or not.
struct Promised {
  uint32_t machines = 0;  // defined
  uint32_t wanted = 0;    // of them: not to be stopped
  uint64_t cpu = 0;       // thousandths of a core that those reserve
  uint64_t memory = 0;    // bytes, without QEMU's own (HostFacts::guest_overhead)
  bool operator==(const Promised&) const = default;
};

struct Guest {
  Uuid uuid;
  std::string ref;  // "machine/lab/web"; "~stray/UUID" when no machine has this uuid
  bool stray = false;

  Revision spec_seen = 0;
  Promised promised;  // its part of what is counted
  model::MachineSpec spec;
  model::MachineStatus status;
  model::json::object launched;  // fingerprints of what the running guest was started with
  model::Usage ended_usage;      // of boots up to and including ended_usage_boot
  uint64_t ended_usage_boot = 0;

  machine::State state = machine::State::unseen;
  uint64_t judged_boot = 0;  // its end has been judged
  uint64_t boot = 0;         // of the run that is, or was last
  Token stamp = 0;           // a jail list asked for before this says nothing of the guest

  // A start under way.
  Intents::Id start_intent = 0;
  Token preparing = 0;
  bool prepared = false;
  std::optional<Error> prepare_error;
  Launch launch;
  uint64_t planned_generation = 0;
  uint64_t launch_epoch = 0;
  bool restarting = false;         // by the restart policy
  std::optional<uint32_t> queued;  // its order among those that start with the host

  // A stop under way.
  Intents::Id stop_intent = 0;
  Intents::Id delete_intent = 0;
  bool asked_off = false;     // powerdown or kill was sent because it is wanted off
  bool forced = false;        // SIGKILL was sent
  bool force_wanted = false;  // an operation asks for it
  std::string kill_reason;    // the guest must go for this reason, whatever is wanted

  // The monitor.
  bool monitor_up = false, attaching = false;
  Duration attach_backoff{};
  std::optional<Command> command;
  std::vector<std::string> resets, force_operations;

  // What the guest said of itself.
  bool guest_off = false, disk_failed = false, tpm_lost = false;

  // How it ended last.
  bool failed = false;
  std::string last_words;  // of QEMU, at the end of this boot
  std::string reason, message, next;
  int exit_status = -1;
  Token final_sample = 0;
  bool sampled = false;
  bool accounted = false;  // its end is written

  bool held = false;  // it ended and stays so until its spec changes or it is started again
  uint32_t failures = 0;
  std::optional<Blocked> blocked;
  std::optional<Limits> limits;  // as the jail has them
  std::optional<Tuning> tuning;  // as QEMU was told

  // Deadlines.
  std::optional<Tick> boot_deadline, stop_deadline, retry_at, send_again, attach_at, command_at;
  std::optional<Tick> calm_at;

  std::string id() const { return MachineId{uuid, status.machine_generation}.text(); }
};

}  // namespace bridle::fleet
