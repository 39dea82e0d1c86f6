// MachineLoop: brings every machine of the host to where it is wanted. machine/life.h says what can
// follow what; this loop holds the facts, derives the wish, and does the act that life decides:
//
//   look(guest): defined? -> wish -> machine::decide(state, wish) -> act -> status, alarm
//
// in machine_loop.cc; what events change is in machine_facts.cc; how an end is judged and what the
// status says in machine_status.cc; what a start needs in start_plan.cc; whose turn it is when the
// host starts and stops in turns.cc.
//
// A guest of the jail that no machine stands for is a stray: it is killed and released.
//
// Most of a large host's machines are at rest: off, and waiting for nothing. What comes again and
// again (the jail's list, usage, admission) looks at the others only (rest.cc); a few of those at
// rest are looked at with each list, in turn, should anything ever have been missed.
//
// Thread class: the controller's.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fleet/admission.h"
#include "fleet/context.h"
#include "fleet/guest.h"
#include "fleet/intents.h"
#include "fleet/journal.h"
#include "fleet/objects.h"
#include "fleet/timers.h"
#include "fleet/writer.h"
#include "model/host.h"

namespace bridle::fleet {

constexpr std::string_view machine_finalizer = "bridle/guest";

class MachineLoop {
 public:
  MachineLoop(Context& context, Objects& objects, Writer& writer, Intents& intents, Timers& timers,
              Journal& journal);

  void look(const std::string& ref);  // of a machine or a stray
  // Something a start may wait for has changed.
  void unblock();
  bool ready() const { return ready_; }
  bool idle() const;

  void on(const JailUp&);
  void on(const JailDown&);
  void on(const JailGuests& list);
  void on(const GuestStarted& started);
  void on(const GuestStartFailed& failed);
  void on(const GuestExited& exited);
  void on(const TpmLost& lost);
  void on(const GuestReleased& released);
  void on(const MonitorUp& up);
  void on(const MonitorDown& down);
  void on(const MonitorEvent& event);
  void on(const MonitorReply& reply);
  void on(const AgentReady& agent);
  void on(const Prepared& prepared);
  void on(const UsageSample& sample);
  // What the ledger holds open from an earlier life; closed once the world is known.
  void recover(std::vector<OpenIntent> open) { recover_ = std::move(open); }
  void resync();
  void sample_all();

  // For the operation loop: ask, and look for the result at later steps.
  void request(const Uuid& uuid, std::string_view verb, const std::string& operation);
  std::optional<Status> take_result(const std::string& operation);
  const Guest* find(const Uuid& uuid) const;
  model::HostGuests host_guests() const { return host_guests_; }
  // The machine whose guest has this volume open, or is about to; empty: none.
  std::string user_of_volume(std::string_view project, std::string_view volume) const;
  // By which disk a guest has this volume open, or is about to.
  struct OpenDisk {
    const Guest* guest;
    size_t index;  // of the disk, in the spec that the guest was started with
    bool writable;
    bool reachable;  // its monitor answers
  };
  std::optional<OpenDisk> open_disk(std::string_view project, std::string_view volume) const;
  // What the Host object says of its machines may have changed.
  void look_host(const std::string& ref);
  // The time between two orders may be over.
  void take_turns();
  size_t living() const;
  size_t attached() const;
  const Promised& promised() const { return promised_; }
  // Asserts that what is kept so that nothing needs to walk over all machines is what a walk finds.
  void check_rest() const;
  // No guest may start with the volume `ref` meanwhile: its file is being changed.
  void hold_volume(const std::string& ref, bool held);

 private:
  using Act = machine::Act;
  using Signal = machine::Signal;
  using State = machine::State;
  using Wish = machine::Wish;

  // machine_loop.cc
  void bring_on(Guest& guest);
  Guest* guest_of(const std::string& ref);
  void make_stray(Guest& guest);
  void refresh(Guest& guest, const Row& row);
  void load_status(Guest& guest, const Row& row);
  bool define(Guest& guest, Row& row);
  bool define_fresh(Guest& guest, Row& row);
  std::vector<uint32_t>& used_slots();  // ascending, each once
  Wish wish(const Guest& guest, const Row* row) const;
  bool wanted_on(const Guest& guest, const Row* row) const;
  bool move(Guest& guest);
  bool prepare(Guest& guest);
  bool abandon(Guest& guest);
  bool launch(Guest& guest);
  bool pause(Guest& guest);
  bool resume(Guest& guest);
  bool powerdown(Guest& guest);
  bool kill(Guest& guest);
  bool release(Guest& guest);
  bool command(Guest& guest, MonitorVerb verb, std::string_view word, bool own_intent = true);
  bool announce_stop(Guest& guest);
  void drop_command(Guest& guest, const std::string& why);
  void forget_failure(Guest& guest);
  void drop_unwanted(Guest& guest, Wish wish, Act act);
  void keep_up(Guest& guest);
  void attach(Guest& guest);
  void tune(Guest& guest);
  void run_resets(Guest& guest);
  void run_forces(Guest& guest);
  void delete_step(Guest& guest, Row& row);
  void forget(Guest& guest);
  void fail_attempt(Guest& guest, std::string reason, std::string message);
  void set_alarm(Guest& guest);

  // rest.cc
  void note_rest(const Guest& guest);
  void count(Guest& guest, bool present);
  void sweep();
  void each_afoot(const std::function<void(Guest&)>& visit);
  void each_afoot(const std::function<void(const Guest&)>& visit) const;

  // turns.cc
  void queue_starts();
  std::optional<Blocked> wait_for_turn(const Guest& guest);
  void keep_turn(Guest& guest, const Row* row);
  void leave_queue(Guest& guest, Duration delay);
  uint32_t highest_order() const;
  bool must_stop(const Guest& guest) const;
  void someone_ended();

  // start_plan.cc
  std::optional<Blocked> plan(const Guest& guest, const Row& row, Launch& launch) const;
  std::optional<Blocked> plan_disks(const Guest& guest, Launch& launch) const;
  std::optional<Blocked> plan_secrets(const Guest& guest, Launch& launch) const;
  std::optional<Blocked> plan_admission(const Guest& guest) const;

  // machine_facts.cc
  Guest* at(const Uuid& uuid, uint64_t boot);
  void seen(Guest& guest, const JailGuest& fact);
  void adopt(Guest& guest, const JailGuest& fact);
  void clear_run(Guest& guest);
  void absent(Guest& guest, Token list);
  void become_ready();
  Guest& stray(const JailGuest& fact);
  void signal(Guest& guest, Signal signal);
  void touch(const Guest& guest) { objects_.touch(guest.ref); }

  // machine_status.cc
  void account_end(Guest& guest);
  void judge_end(Guest& guest, const Row* row);
  void judge_failure(Guest& guest);
  void come_again(Guest& guest, Duration wait);
  void write_status(Guest& guest, Row& row, bool urgent = false);
  void explain(Guest& guest, const Row& row);
  std::string restart_needed(const Guest& guest, const Row& row) const;
  std::string advice(const Guest& guest, const Row& row) const;
  void note_usage(Guest& guest, const UsageSample& sample);

  Context& context_;
  Objects& objects_;
  Writer& writer_;
  Intents& intents_;
  Timers& timers_;
  Journal& journal_;
  std::map<Uuid, Guest> guests_;
  std::set<Uuid> afoot_;    // all that are not off, or will be started again by themselves
  std::set<Uuid> blocked_;  // after their last look
  Uuid swept_;              // the last one at rest that was looked at in its turn
  Promised promised_;
  std::map<std::string, Uuid> refs_;
  std::map<Token, Uuid> waiting_;          // Prepare, Monitor, SampleUsage
  std::map<std::string, Status> results_;  // of operations
  std::set<std::string> held_volumes_;
  model::HostGuests host_guests_ = model::HostGuests::run;
  std::map<uint32_t, std::set<Uuid>> queue_;  // waiting to start with the host, by order
  uint32_t stage_ = 0;                        // the order that starts now
  std::optional<Tick> gate_;                  // the next order starts no earlier
  mutable std::optional<uint32_t> highest_;   // order among those that live; empty: find it anew
  std::optional<std::vector<uint32_t>> used_slots_;  // empty: find them anew
  std::vector<OpenIntent> recover_;
  bool ready_ = false;
};

// Fingerprints of the fields of a spec that a running guest cannot take over.
model::json::object launch_fingerprint(const model::json::object& spec);
// The volumes that the guest is started with, into guest.launched, and back after a restart of
// bridled: whatever the spec says meanwhile, the guest has them open.
void remember_disks(Guest& guest);
void recall_disks(Guest& guest);
// "exit 0", "signal 9", "unknown".
std::string exit_text(int wait_status);

}  // namespace bridle::fleet
