#include "fleet/machine_loop.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/log.h"
#include "base/units.h"
#include "machine/pin.h"

namespace bridle::fleet {
namespace {

constexpr Duration powerdown_again = std::chrono::seconds(5);
constexpr Duration command_again = std::chrono::seconds(2);
constexpr Duration attach_most = std::chrono::seconds(5);
constexpr int most_moves = 16;  // of one look: acts that follow one another at once

bool due(const std::optional<Tick>& deadline, Tick now) { return deadline && *deadline <= now; }

}  // namespace

MachineLoop::MachineLoop(Context& context, Objects& objects, Writer& writer, Intents& intents,
                         Timers& timers, Journal& journal)
    : context_(context),
      objects_(objects),
      writer_(writer),
      intents_(intents),
      timers_(timers),
      journal_(journal) {}

const Guest* MachineLoop::find(const Uuid& uuid) const {
  auto found = guests_.find(uuid);
  return found == guests_.end() ? nullptr : &found->second;
}

bool MachineLoop::idle() const {
  return queue_.empty() && std::all_of(guests_.begin(), guests_.end(), [](const auto& entry) {
           const Guest& guest = entry.second;
           bool rests = guest.state == State::off || guest.state == State::running ||
                        guest.state == State::paused;
           return rests && !guest.command && guest.start_intent == 0 && guest.stop_intent == 0 &&
                  guest.resets.empty();
         });
}

void MachineLoop::make_stray(Guest& guest) {
  count(guest, false);
  if (guest.queued) leave_queue(guest, Duration{});
  refs_.erase(guest.ref);
  timers_.want(guest.ref, std::nullopt);
  intents_.close(guest.delete_intent, true, "deleted");
  guest.ref = "~stray/" + guest.uuid.text();
  guest.stray = true;
  refs_[guest.ref] = guest.uuid;
}

// The guest that `ref` names now. A machine that was deleted and made anew has another uuid: what
// is left of the old one becomes a stray.
Guest* MachineLoop::guest_of(const std::string& ref) {
  const Row* row = objects_.find(ref);
  auto known = refs_.find(ref);
  if (row == nullptr) {
    if (known == refs_.end()) return nullptr;
    Guest& old = guests_.at(known->second);
    if (!old.stray) make_stray(old);
    return &old;
  }
  if (known != refs_.end() && row->object.metadata.uid != known->second) {
    Guest& old = guests_.at(known->second);
    make_stray(old);
    touch(old);
  }
  Guest& guest = guests_[row->object.metadata.uid];
  if (guest.state != State::off) afoot_.insert(row->object.metadata.uid);
  if (guest.ref != ref) {
    if (!guest.ref.empty()) refs_.erase(guest.ref);
    guest.uuid = row->object.metadata.uid;
    guest.ref = ref;
    guest.stray = false;
    refs_[ref] = guest.uuid;
    if (ready_ && guest.state == State::unseen) guest.state = State::off;
  }
  return &guest;
}

void MachineLoop::look(const std::string& ref) {
  Guest* guest = guest_of(ref);
  if (guest == nullptr) return;
  const Uuid uuid = guest->uuid;
  bring_on(*guest);
  if (const Guest* still = find(uuid)) note_rest(*still);
}

void MachineLoop::bring_on(Guest& guest) {
  Row* row = objects_.machine(guest.uuid);
  if (row != nullptr) refresh(guest, *row);
  if (!ready_) return;
  if (row != nullptr && !define(guest, *row)) return keep_turn(guest, row);
  run_forces(guest);
  for (int i = 0; i < most_moves && move(guest); ++i) continue;
  keep_turn(guest, row);
  keep_up(guest);
  if (row == nullptr) {
    if (guest.state == State::off) return forget(guest);
    return set_alarm(guest);
  }
  write_status(guest, *row);
  if (row->deleting()) delete_step(guest, *row);
  set_alarm(guest);
}

void MachineLoop::refresh(Guest& guest, const Row& row) {
  if (guest.spec_seen == row.spec_revision) return;
  if (guest.spec_seen == 0) load_status(guest, row);
  guest.spec_seen = row.spec_revision;
  Result<model::MachineSpec> spec = model::machine_spec(row.object.spec);
  if (!spec.ok()) {
    log::error("machine cannot be read", {{"object", row.ref}, {"error", spec.error().message()}});
    return;
  }
  guest.spec = std::move(*spec);
  count(guest, true);
  highest_.reset();
  if (row.object.metadata.generation <= guest.status.observed_generation) return;
  guest.status.observed_generation = row.object.metadata.generation;
  guest.held = false;
  guest.failures = 0;
  guest.retry_at.reset();
  guest.blocked.reset();
}

bool MachineLoop::define(Guest& guest, Row& row) {
  if (!row.has_finalizer(machine_finalizer)) {
    if (row.deleting()) {
      if (row.object.metadata.finalizers.empty() && guest.state == State::off) writer_.remove(row);
      return false;
    }
    return define_fresh(guest, row);
  }
  if (Writer::pending(row) && guest.status.slot == 0) return false;
  if (guest.status.slot == 0 || guest.status.pinned.empty()) {
    if (row.deleting()) return true;
    return define_fresh(guest, row);
  }
  Result<model::Pinned> pinned = machine::pin(guest.uuid, guest.spec, guest.status.pinned);
  if (pinned.ok()) guest.status.pinned = std::move(*pinned);
  return true;
}

std::vector<uint32_t>& MachineLoop::used_slots() {
  if (used_slots_) return *used_slots_;
  std::set<uint32_t> used;
  for (const auto& [uuid, guest] : guests_)
    if (guest.status.slot != 0) used.insert(guest.status.slot);
  return used_slots_.emplace(used.begin(), used.end());
}

bool MachineLoop::define_fresh(Guest& guest, Row& row) {
  Result<uint32_t> slot = guest.status.slot != 0 ? Result<uint32_t>(guest.status.slot)
                                                 : free_slot(used_slots(), context_.host);
  Result<model::Pinned> pinned = machine::pin(guest.uuid, guest.spec, guest.status.pinned);
  if (!slot.ok() || !pinned.ok()) {
    const Error& error = slot.ok() ? pinned.error() : slot.error();
    guest.blocked = Blocked{"CannotBeDefined", error.message(), true};
    write_status(guest, row);
    return false;
  }
  if (guest.status.slot == 0) {
    auto& used = used_slots();
    used.insert(std::upper_bound(used.begin(), used.end(), *slot), *slot);
  }
  guest.status.slot = *slot;
  guest.status.pinned = std::move(*pinned);
  guest.status.machine_generation = std::max<uint64_t>(guest.status.machine_generation, 1);
  guest.status.attachment = "fast";
  guest.blocked.reset();
  if (!row.has_finalizer(machine_finalizer)) {
    row.object.metadata.finalizers.emplace_back(machine_finalizer);
    writer_.put_spec(row);
  }
  write_status(guest, row, true);
  return false;
}

bool MachineLoop::wanted_on(const Guest& guest, const Row* row) const {
  return row != nullptr && !row->deleting() && !guest.held &&
         guest.spec.power != model::Power::stopped && !must_stop(guest);
}

machine::Wish MachineLoop::wish(const Guest& guest, const Row* row) const {
  if (guest.stray || !guest.kill_reason.empty()) return Wish::off_now;
  if (machine::lives(guest.state) && due(guest.stop_deadline, context_.now)) return Wish::off_now;
  if (!wanted_on(guest, row)) return guest.force_wanted ? Wish::off_now : Wish::off;
  return guest.spec.power == model::Power::paused ? Wish::paused : Wish::running;
}

bool MachineLoop::move(Guest& guest) {
  using Step = bool (MachineLoop::*)(Guest&);
  static constexpr std::array<Step, 9> steps = {
      nullptr,
      &MachineLoop::prepare,
      &MachineLoop::abandon,
      &MachineLoop::launch,
      &MachineLoop::pause,
      &MachineLoop::resume,
      &MachineLoop::powerdown,
      &MachineLoop::kill,
      &MachineLoop::release,
  };
  const Row* row = objects_.machine(guest.uuid);
  if (machine::lives(guest.state) && !guest.stray) {
    bool on = wanted_on(guest, row);
    if (!on && !guest.stop_deadline) guest.stop_deadline = context_.now + guest.spec.stop_timeout;
    if (on && guest.state != State::stopping && guest.state != State::killing)
      guest.stop_deadline.reset();
    if (due(guest.boot_deadline, context_.now) && guest.state == State::booting && on)
      guest.kill_reason = "NoMonitor";
  }
  Wish wanted = wish(guest, row);
  if (wanted == Wish::off || wanted == Wish::off_now) guest.blocked.reset();
  if (guest.state == State::off && guest.spec.power == model::Power::stopped) forget_failure(guest);
  Act act = machine::decide(guest.state, wanted);
  drop_unwanted(guest, wanted, act);
  Step step = steps[static_cast<size_t>(act)];
  return step != nullptr && (this->*step)(guest);
}

// Whoever stops a failed machine has seen the failure: it is off as it should be.
void MachineLoop::forget_failure(Guest& guest) {
  guest.restarting = false;
  guest.retry_at.reset();
  guest.next.clear();
  guest.failures = 0;
  if (!guest.failed) return;
  guest.failed = false;
  guest.reason = "Stopped";
  guest.message.clear();
}

// Announced, not done, and not wanted any more.
void MachineLoop::drop_unwanted(Guest& guest, Wish wanted, Act act) {
  bool on = wanted == Wish::running || wanted == Wish::paused;
  bool settled = guest.state == State::booting || guest.state == State::running ||
                 guest.state == State::paused;
  if (on && settled && guest.stop_intent != 0 && !guest.asked_off)
    intents_.close(guest.stop_intent, false, "not wanted any more");
  if (!guest.command || guest.command->token != 0 || guest.command->verb == MonitorVerb::reset)
    return;
  bool same =
      (act == Act::pause && guest.command->verb == MonitorVerb::stop) ||
      ((act == Act::resume || act == Act::powerdown) && guest.command->verb == MonitorVerb::cont);
  if (!same) drop_command(guest, "not wanted any more");
}

bool MachineLoop::prepare(Guest& guest) {
  if (guest.retry_at && !due(guest.retry_at, context_.now)) return false;
  Row* row = objects_.machine(guest.uuid);
  if (Writer::pending(*row)) return false;
  guest.blocked = wait_for_turn(guest);
  if (guest.blocked) return false;
  Launch launch;
  guest.blocked = plan(guest, *row, launch);
  if (guest.blocked) return false;
  guest.retry_at.reset();
  guest.next.clear();
  guest.ended_usage = guest.status.usage;
  guest.ended_usage_boot = guest.status.boot;
  guest.boot = guest.status.boot = std::max(guest.status.boot, guest.boot) + 1;
  launch.boot = guest.boot;
  guest.planned_generation = row->object.metadata.generation;
  guest.start_intent = intents_.open(guest.ref, "start", guest.ref,
                                     "boot " + std::to_string(guest.boot) + " of " + guest.id() +
                                         " in slot " + std::to_string(guest.status.slot));
  guest.preparing = context_.token();
  guest.prepared = false;
  guest.prepare_error.reset();
  waiting_[guest.preparing] = guest.uuid;
  context_.act(Prepare{guest.preparing, launch});
  launch.secrets.clear();
  guest.launch = std::move(launch);
  guest.launched = launch_fingerprint(row->object.spec);
  remember_disks(guest);
  guest.failed = false;
  signal(guest, Signal::sent_prepare);
  write_status(guest, *row, true);
  return false;
}

bool MachineLoop::abandon(Guest& guest) {
  waiting_.erase(guest.preparing);
  guest.preparing = 0;
  context_.act(DropPrepared{guest.uuid, guest.boot});
  intents_.close(guest.start_intent, false, "not wanted any more");
  signal(guest, Signal::abandoned);
  return true;
}

void MachineLoop::fail_attempt(Guest& guest, std::string reason, std::string message) {
  waiting_.erase(guest.preparing);
  guest.preparing = 0;
  if (guest.state == State::preparing) context_.act(DropPrepared{guest.uuid, guest.boot});
  intents_.close(guest.start_intent, false, message);
  signal(guest, guest.state == State::preparing ? Signal::abandoned : Signal::launch_failed);
  bool news = guest.reason != reason || guest.message != message;
  guest.failed = true;
  guest.reason = std::move(reason);
  guest.message = std::move(message);
  Duration wait = std::min(context_.options.restart_first * (int64_t{1} << guest.failures),
                           context_.options.restart_most);
  guest.failures = std::min(guest.failures + 1, 20U);
  guest.retry_at = context_.now + wait;
  guest.next = "trying again in " + format_duration(wait);
  if (const Row* row = objects_.machine(guest.uuid); row != nullptr && news)
    journal_.say(row->object, Journal::Level::error, guest.reason, guest.message, guest.id());
}

bool MachineLoop::launch(Guest& guest) {
  Row* row = objects_.machine(guest.uuid);
  if (guest.planned_generation != row->object.metadata.generation) return abandon(guest);
  if (intents_.failed(guest.start_intent)) {
    guest.start_intent = 0;
    fail_attempt(guest, "LedgerUnwritable", "the ledger cannot be written; see bridle doctor");
    return false;
  }
  if (guest.prepare_error) {
    bool tampered = guest.prepare_error->code() == Code::corrupt;
    fail_attempt(guest, tampered ? "ImageTampered" : "CannotPrepare",
                 guest.prepare_error->message());
    return false;
  }
  std::optional<uint64_t> seq = intents_.seq(guest.start_intent);
  if (!guest.prepared || !seq || Writer::pending(*row) || !context_.jail_up) return false;
  guest.limits = limits_of(guest.spec);
  guest.tuning = Tuning{0, guest.launch.spec.disk};
  context_.act(StartGuest{*seq, guest.launch, *guest.limits});
  guest.stamp = context_.token();
  guest.launch_epoch = context_.jail_epoch;
  guest.boot_deadline = context_.now + context_.options.boot_timeout;
  guest.asked_off = guest.forced = guest.guest_off = guest.disk_failed = false;
  guest.status.engine = guest.launch.engine;
  if (guest.restarting) ++guest.status.restarts;
  guest.restarting = false;
  signal(guest, Signal::sent_launch);
  return false;
}

bool MachineLoop::pause(Guest& guest) { return command(guest, MonitorVerb::stop, "pause"); }
bool MachineLoop::resume(Guest& guest) { return command(guest, MonitorVerb::cont, "resume"); }

// Announce, send, wait: a little further at each look. True: it is sent.
bool MachineLoop::command(Guest& guest, MonitorVerb verb, std::string_view word, bool own_intent) {
  if (!guest.monitor_up) return false;
  if (guest.command && (guest.command->token != 0 || guest.command->verb != verb)) return false;
  if (!guest.command) {
    if (guest.command_at && !due(guest.command_at, context_.now)) return false;
    guest.command_at.reset();
    guest.command = Command{verb, 0, own_intent, 0, {}};
    guest.command->intent =
        own_intent ? intents_.open(guest.ref, word, guest.ref, guest.id()) : guest.stop_intent;
  }
  if (intents_.failed(guest.command->intent)) {
    guest.command.reset();
    guest.command_at = context_.now + command_again;
    return false;
  }
  std::optional<uint64_t> seq = intents_.seq(guest.command->intent);
  if (!seq) return false;
  guest.command->token = context_.token();
  waiting_[guest.command->token] = guest.uuid;
  context_.act(Monitor{guest.command->token, *seq, guest.uuid, guest.boot, verb});
  return true;
}

void MachineLoop::drop_command(Guest& guest, const std::string& why) {
  if (!guest.command) return;
  waiting_.erase(guest.command->token);
  if (!guest.command->operation.empty())
    results_.insert_or_assign(guest.command->operation, Status(Error(Code::unreachable, why))),
        objects_.touch(guest.command->operation);
  if (guest.command->own_intent) intents_.close(guest.command->intent, false, why);
  guest.command.reset();
}

// True: the stop is announced and synced.
bool MachineLoop::announce_stop(Guest& guest) {
  if (intents_.failed(guest.stop_intent)) {
    guest.stop_intent = 0;
    guest.command_at = context_.now + command_again;
  }
  if (guest.stop_intent == 0) {
    if (guest.command_at && !due(guest.command_at, context_.now)) return false;
    guest.command_at.reset();
    std::string why = guest.stray ? "no machine stands for it" : guest.kill_reason;
    guest.stop_intent =
        intents_.open(guest.ref, "stop", guest.ref, guest.id() + (why.empty() ? "" : ": " + why));
  }
  return intents_.seq(guest.stop_intent).has_value();
}

bool MachineLoop::powerdown(Guest& guest) {
  if (!guest.monitor_up || !announce_stop(guest)) return false;
  // What stands cannot react to its power button.
  if (guest.state == State::paused) return command(guest, MonitorVerb::cont, "", false), false;
  if (guest.command) return false;
  Token token = context_.token();
  context_.act(Monitor{token, *intents_.seq(guest.stop_intent), guest.uuid, guest.boot,
                       MonitorVerb::powerdown});
  guest.send_again = context_.now + powerdown_again;
  guest.asked_off = true;
  signal(guest, Signal::sent_powerdown);
  return true;
}

bool MachineLoop::kill(Guest& guest) {
  if (!context_.jail_up || !announce_stop(guest)) return false;
  context_.act(SignalGuest{*intents_.seq(guest.stop_intent), guest.uuid, guest.boot});
  guest.send_again = context_.now + context_.options.kill_retry;
  guest.asked_off |= guest.kill_reason.empty();
  guest.forced = true;
  signal(guest, Signal::sent_kill);
  return true;
}

bool MachineLoop::release(Guest& guest) {
  if (!context_.jail_up) return false;
  if (!guest.sampled) {
    if (guest.final_sample != 0) return false;
    guest.final_sample = context_.token();
    waiting_[guest.final_sample] = guest.uuid;
    context_.act(SampleUsage{guest.final_sample, guest.uuid, guest.boot});
    return false;
  }
  // How it ended and what it used is durable before the jail forgets it.
  Row* row = objects_.machine(guest.uuid);
  if (row != nullptr && !std::exchange(guest.accounted, true)) write_status(guest, *row, true);
  if (row != nullptr && Writer::pending(*row)) return false;
  context_.act(ReleaseGuest{guest.uuid, guest.boot});
  guest.stamp = context_.token();
  guest.send_again.reset();
  signal(guest, Signal::sent_release);
  return false;
}

// What goes on beside the acts: the monitor's connection, repetitions, limits, operations.
void MachineLoop::keep_up(Guest& guest) {
  if (machine::lives(guest.state)) attach(guest);
  bool again = due(guest.send_again, context_.now);
  std::optional<uint64_t> seq = intents_.seq(guest.stop_intent);
  if (again && guest.state == State::killing && context_.jail_up && seq) {
    context_.act(SignalGuest{*seq, guest.uuid, guest.boot});
    guest.send_again = context_.now + context_.options.kill_retry;
  }
  if (again && guest.state == State::stopping && guest.monitor_up && seq) {
    context_.act(Monitor{context_.token(), *seq, guest.uuid, guest.boot, MonitorVerb::powerdown});
    guest.send_again = context_.now + powerdown_again;
  }
  if (again && guest.state == State::releasing && context_.jail_up) {
    context_.act(ReleaseGuest{guest.uuid, guest.boot});
    guest.send_again.reset();
  }
  if (due(guest.send_again, context_.now)) guest.send_again.reset();
  if (due(guest.calm_at, context_.now)) {
    guest.calm_at.reset();
    guest.failures = 0;
  }
  Limits wanted = limits_of(guest.spec);
  if (machine::lives(guest.state) && !guest.stray && context_.jail_up && guest.limits != wanted) {
    guest.limits = wanted;
    context_.act(SetLimits{guest.uuid, guest.boot, wanted});
  }
  tune(guest);
  run_resets(guest);
}

// A fresh QEMU has the disk limits from its arguments, and all its memory.
void MachineLoop::tune(Guest& guest) {
  if (!machine::lives(guest.state) || guest.stray || !guest.monitor_up) return;
  const Tuning wanted{guest.spec.memory_target, guest.spec.disk};
  if (guest.tuning == wanted) return;
  guest.tuning = wanted;
  const auto& disks = guest.launched.empty() ? guest.spec.disks : guest.launch.spec.disks;
  context_.act(SetTuning{guest.uuid, guest.boot, wanted, !disks.empty()});
}

void MachineLoop::attach(Guest& guest) {
  if (guest.monitor_up || guest.attaching || guest.stray) return;
  if (guest.attach_at && !due(guest.attach_at, context_.now)) return;
  guest.attach_at.reset();
  guest.attaching = true;
  AttachMonitor act{guest.uuid,
                    guest.boot,
                    guest.start_intent != 0,
                    guest.spec.power == model::Power::paused,
                    {}};
  for (const auto& [interface, mac] : guest.status.pinned.macs) act.interfaces.push_back(interface);
  context_.act(std::move(act));
  guest.attach_backoff =
      std::min(std::max(guest.attach_backoff * 2, context_.options.monitor_retry), attach_most);
}

void MachineLoop::request(const Uuid& uuid, std::string_view verb, const std::string& operation) {
  auto found = guests_.find(uuid);
  if (found == guests_.end()) {
    results_.insert_or_assign(operation, Status(Error(Code::not_found, "the machine is gone")));
    return objects_.touch(operation);
  }
  (verb == "reset" ? found->second.resets : found->second.force_operations).push_back(operation);
  touch(found->second);
}

std::optional<Status> MachineLoop::take_result(const std::string& operation) {
  auto found = results_.extract(operation);
  if (found.empty()) return std::nullopt;
  return std::move(found.mapped());
}

void MachineLoop::run_resets(Guest& guest) {
  bool on = guest.state == State::running || guest.state == State::paused;
  if (!on && !guest.resets.empty()) {
    for (const std::string& operation : std::exchange(guest.resets, {})) {
      results_.insert_or_assign(
          operation,
          Status(Error(Code::conflict, "the machine is " + std::string(machine::name(guest.state)) +
                                           "; it must run to be reset")));
      objects_.touch(operation);
    }
  }
  if (!guest.command && guest.resets.empty()) return;
  if (!guest.command && guest.monitor_up && on) {
    Command reset{MonitorVerb::reset, 0, true, 0, guest.resets.front()};
    guest.resets.erase(guest.resets.begin());
    reset.intent = intents_.open(guest.ref, "reset", guest.ref, guest.id());
    guest.command = reset;
    return;
  }
  if (!guest.command || guest.command->verb != MonitorVerb::reset || guest.command->token != 0)
    return;
  if (intents_.failed(guest.command->intent))
    drop_command(guest, "the ledger cannot be written");
  else
    command(guest, MonitorVerb::reset, "reset");
}

void MachineLoop::run_forces(Guest& guest) {
  if (guest.force_operations.empty()) return;
  const Row* row = objects_.machine(guest.uuid);
  bool on = wanted_on(guest, row);
  guest.force_wanted = !on && guest.state != State::off;
  if (guest.force_wanted) return;
  for (const std::string& operation : std::exchange(guest.force_operations, {})) {
    results_.insert_or_assign(
        operation,
        on ? Status(Error(Code::conflict, "the machine is wanted on; stop it")) : Status());
    objects_.touch(operation);
  }
}

void MachineLoop::delete_step(Guest& guest, Row& row) {
  if (guest.state != State::off || Writer::pending(row)) return;
  if (!row.has_finalizer(machine_finalizer)) return;
  if (intents_.failed(guest.delete_intent)) guest.delete_intent = 0;
  if (guest.delete_intent == 0)
    guest.delete_intent = intents_.open(guest.ref, "delete", guest.ref, guest.id());
  if (!intents_.seq(guest.delete_intent)) return;
  context_.act(DropPrepared{guest.uuid, guest.boot, true});
  std::erase(row.object.metadata.finalizers, machine_finalizer);
  if (row.object.metadata.finalizers.empty())
    writer_.remove(row);
  else
    writer_.put_spec(row);
}

void MachineLoop::forget(Guest& guest) {
  if (guest.queued) leave_queue(guest, Duration{});
  timers_.want(guest.ref, std::nullopt);
  intents_.close(guest.delete_intent, true, "deleted");
  for (auto* operations : {&guest.resets, &guest.force_operations})
    for (const std::string& operation : *operations) {
      results_.insert_or_assign(operation, Status(Error(Code::not_found, "the machine is gone")));
      objects_.touch(operation);
    }
  refs_.erase(guest.ref);
  count(guest, false);
  afoot_.erase(guest.uuid);
  blocked_.erase(guest.uuid);
  guests_.erase(Uuid(guest.uuid));
  used_slots_.reset();
  unblock();
}

void MachineLoop::unblock() {
  for (const Uuid& uuid : blocked_) touch(guests_.at(uuid));
}

void MachineLoop::set_alarm(Guest& guest) {
  std::optional<Tick> next;
  auto consider = [&](const std::optional<Tick>& at, bool relevant) {
    if (at && relevant && *at > context_.now && (!next || *at < *next)) next = at;
  };
  bool alive = machine::lives(guest.state);
  consider(guest.boot_deadline, guest.state == State::booting);
  consider(guest.stop_deadline, alive && guest.state != State::killing);
  consider(guest.retry_at, guest.state == State::off && !guest.held);
  consider(guest.send_again, true);
  consider(guest.attach_at, alive && !guest.monitor_up);
  consider(guest.command_at, true);
  consider(guest.calm_at, true);
  timers_.want(guest.ref, next);
}

}  // namespace bridle::fleet
