// What events make of the machine loop's guests.
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "fleet/machine_loop.h"

namespace bridle::fleet {

Guest* MachineLoop::at(const Uuid& uuid, uint64_t boot) {
  auto found = guests_.find(uuid);
  if (found == guests_.end() || found->second.boot != boot) return nullptr;
  return &found->second;
}

void MachineLoop::signal(Guest& guest, Signal what) {
  State from = guest.state;
  guest.state = machine::step(from, what);
  if (guest.state == from) return;
  if (guest.state != State::off) afoot_.insert(guest.uuid);
  touch(guest);
  if (guest.state == State::ended) account_end(guest);
  if (guest.state == State::off) {
    clear_run(guest);
    unblock();
    someone_ended();
  }
}

// What belongs to one run, and to none after it.
void MachineLoop::clear_run(Guest& guest) {
  drop_command(guest, "the guest ended");
  waiting_.erase(guest.final_sample);
  guest.final_sample = 0;
  guest.sampled = guest.accounted = false;
  guest.monitor_up = guest.attaching = false;
  guest.attach_backoff = Duration{};
  guest.limits.reset();
  guest.tuning.reset();
  guest.kill_reason.clear();
  guest.tpm_lost = false;
  guest.status.pid = 0;
  for (auto* deadline : {&guest.boot_deadline, &guest.stop_deadline, &guest.send_again,
                         &guest.attach_at, &guest.command_at, &guest.calm_at})
    deadline->reset();
}

void MachineLoop::resync() {
  if (context_.jail_up && objects_.loaded()) context_.act(ListGuests{context_.token()});
}

void MachineLoop::on(const JailUp&) { resync(); }

void MachineLoop::on(const JailDown&) {
  each_afoot([this](Guest& guest) {
    if (guest.state != State::ended) return;
    waiting_.erase(guest.final_sample);
    guest.final_sample = 0;
  });
}

Guest& MachineLoop::stray(const JailGuest& fact) {
  Guest& guest = guests_[fact.uuid];
  guest.uuid = fact.uuid;
  guest.ref = "~stray/" + fact.uuid.text();
  guest.stray = true;
  afoot_.insert(guest.uuid);
  guest.status.slot = fact.slot;
  used_slots_.reset();
  guest.status.machine_generation = fact.generation;
  refs_[guest.ref] = guest.uuid;
  log::warning("the jail has a guest that no machine stands for", {{"uuid", fact.uuid.text()}});
  return guest;
}

void MachineLoop::on(const JailGuests& list) {
  if (!objects_.loaded()) return;
  if (!ready_)
    objects_.each(model::Kind::machine, std::function<void(Row&)>([&](Row& row) {
                    if (Guest* guest = guest_of(row.ref)) refresh(*guest, row);
                  }));
  std::set<Uuid> present;
  for (const JailGuest& fact : list.guests) {
    present.insert(fact.uuid);
    auto found = guests_.find(fact.uuid);
    Guest& guest = found == guests_.end() ? stray(fact) : found->second;
    if (list.token >= guest.stamp) seen(guest, fact);
  }
  each_afoot([&](Guest& guest) {
    if (!present.contains(guest.uuid)) absent(guest, list.token);
    touch(guest);
  });
  sweep();
  if (!ready_) become_ready();
}

void MachineLoop::become_ready() {
  ready_ = true;
  look_host(model::ref(model::Kind::host, "", context_.host.name));
  queue_starts();
  for (const OpenIntent& open : std::exchange(recover_, {})) {
    const Row* row = objects_.find(open.object);
    const Guest* guest = row == nullptr ? nullptr : find(row->object.metadata.uid);
    std::string now = row == nullptr ? "the object is gone"
                      : guest == nullptr
                          ? "the object is there"
                          : "the guest is " + std::string(machine::name(guest->state));
    intents_.recover(open, "bridled ended before the outcome was known; now " + now);
  }
}

void MachineLoop::seen(Guest& guest, const JailGuest& fact) {
  bool waits_for_reply =
      guest.state == State::launching && guest.launch_epoch == context_.jail_epoch;
  if (waits_for_reply && fact.boot != guest.boot) return;
  bool news = !machine::lives(guest.state) && guest.state != State::ended &&
              guest.state != State::releasing;
  if (news) return adopt(guest, fact);
  if (guest.boot == fact.boot && fact.running) guest.tpm_lost = fact.tpm_lost;
  if (guest.boot != fact.boot || fact.running) return;
  guest.exit_status = fact.exit_status;
  guest.last_words = fact.last_words;
  // It was asked for after the release, and the record is still there.
  if (guest.state == State::releasing) guest.send_again = context_.now;
  signal(guest, Signal::seen_exited);
}

void MachineLoop::adopt(Guest& guest, const JailGuest& fact) {
  if (guest.state == State::preparing) abandon(guest);
  if (guest.state != State::launching) guest.asked_off = false;
  guest.boot = fact.boot;
  guest.status.boot = std::max(guest.status.boot, fact.boot);
  guest.status.pid = fact.running ? fact.pid : 0;
  guest.exit_status = fact.exit_status;
  guest.last_words = fact.last_words;
  guest.tpm_lost = fact.tpm_lost;
  guest.limits.reset();
  guest.tuning.reset();
  guest.retry_at.reset();
  guest.next.clear();
  if (fact.running) guest.boot_deadline = context_.now + context_.options.boot_timeout;
  signal(guest, fact.running ? Signal::seen_running : Signal::seen_exited);
}

void MachineLoop::absent(Guest& guest, Token list) {
  using model::Phase;
  if (list < guest.stamp) return;
  if (guest.state == State::launching) {
    if (guest.launch_epoch == context_.jail_epoch) return;
    intents_.close(guest.start_intent, false, "the jail went down before it was started");
  }
  if (guest.state == State::unseen) {
    Phase was = guest.status.phase;
    guest.boot = guest.status.boot;
    guest.exit_status = -1;
    if (was == Phase::running || was == Phase::paused || was == Phase::stopping)
      judge_end(guest, objects_.machine(guest.uuid));
  }
  if (machine::lives(guest.state)) guest.exit_status = -1;
  signal(guest, Signal::seen_absent);
}

void MachineLoop::on(const GuestStarted& started) {
  Guest* guest = at(started.uuid, started.boot);
  if (guest == nullptr) return;
  guest->status.pid = started.pid;
  guest->stamp = context_.token();
  signal(*guest, Signal::launched);
}

void MachineLoop::on(const GuestStartFailed& failed) {
  Guest* guest = at(failed.uuid, failed.boot);
  if (guest == nullptr || guest->state != State::launching) return;
  fail_attempt(*guest, "CannotStart", failed.error.message());
  // The jail has one of that uuid: look at it before the next attempt.
  if (failed.error.code() == Code::conflict) resync();
}

void MachineLoop::on(const GuestExited& exited) {
  Guest* guest = at(exited.uuid, exited.boot);
  if (guest == nullptr || guest->state == State::unseen) return;
  guest->exit_status = exited.exit_status;
  guest->last_words = exited.last_words;
  guest->stamp = context_.token();
  signal(*guest, Signal::exited);
}

void MachineLoop::on(const TpmLost& lost) {
  Guest* guest = at(lost.uuid, lost.boot);
  if (guest == nullptr || !machine::lives(guest->state)) return;
  guest->tpm_lost = true;
  touch(*guest);
}

void MachineLoop::on(const GuestReleased& released) {
  Guest* guest = at(released.uuid, released.boot);
  if (guest == nullptr || guest->state != State::releasing) return;
  if (!released.result.ok()) {
    log::warning("the jail does not release a guest",
                 {{"uuid", released.uuid.text()}, {"error", released.result.error().message()}});
    guest->send_again = context_.now + context_.options.retry;
    return touch(*guest);
  }
  guest->stamp = context_.token();
  signal(*guest, Signal::released);
}

void MachineLoop::on(const MonitorUp& up) {
  Guest* guest = at(up.uuid, up.boot);
  if (guest == nullptr) return;
  guest->attaching = false;
  guest->attach_at.reset();
  guest->attach_backoff = Duration{};
  guest->monitor_up = machine::lives(guest->state);
  guest->boot_deadline.reset();
  if (guest->monitor_up) {
    intents_.close(guest->start_intent, true, "running");
    guest->calm_at = context_.now + context_.options.restart_calm;
    if (!up.qemu_version.empty()) guest->status.qemu_version = up.qemu_version;
  }
  signal(*guest, up.paused ? Signal::monitor_paused : Signal::monitor_running);
  touch(*guest);
}

void MachineLoop::on(const MonitorDown& down) {
  Guest* guest = at(down.uuid, down.boot);
  if (guest == nullptr) return;
  guest->monitor_up = guest->attaching = false;
  guest->tuning.reset();  // what was on its way may be lost
  guest->attach_at = context_.now + std::max(guest->attach_backoff, context_.options.monitor_retry);
  if (guest->command && guest->command->token != 0)
    drop_command(*guest, "the connection to QEMU's monitor ended");
  touch(*guest);
}

void MachineLoop::on(const MonitorEvent& event) {
  Guest* guest = at(event.uuid, event.boot);
  if (guest == nullptr || !machine::lives(guest->state)) return;
  touch(*guest);
  switch (event.news) {
    case MonitorNews::stopped:
      return signal(*guest, Signal::monitor_paused);
    case MonitorNews::resumed:
      guest->disk_failed = false;
      return signal(*guest, Signal::monitor_running);
    case MonitorNews::guest_off:
      guest->guest_off = true;
      return;
    case MonitorNews::panicked:
      guest->kill_reason = "Panicked";
      return;
    case MonitorNews::disk_failed:
      guest->disk_failed = true;
      guest->command_at = context_.now + std::chrono::seconds(10);
      return;
    case MonitorNews::powerdown:
    case MonitorNews::host_off:
    case MonitorNews::reset:
      return;
  }
}

void MachineLoop::on(const MonitorReply& reply) {
  auto found = waiting_.extract(reply.token);
  if (found.empty()) return;
  Guest& guest = guests_.at(found.mapped());
  touch(guest);
  if (!guest.command || guest.command->token != reply.token) return;
  Command done = *std::exchange(guest.command, std::nullopt);
  if (done.own_intent)
    intents_.close(done.intent, reply.result.ok(),
                   reply.result.ok() ? "done" : reply.result.error().message());
  if (!done.operation.empty()) {
    results_.insert_or_assign(done.operation, reply.result);
    objects_.touch(done.operation);
  } else if (!reply.result.ok()) {
    guest.command_at = context_.now + context_.options.retry;
  } else if (done.verb == MonitorVerb::stop) {
    signal(guest, Signal::monitor_paused);
  } else {
    signal(guest, Signal::monitor_running);
  }
}

void MachineLoop::on(const AgentReady& agent) {
  const Row* row = objects_.machine(agent.uuid);
  Guest* guest = at(agent.uuid, agent.boot);
  if (row == nullptr || guest == nullptr) return;
  journal_.say(row->object, Journal::Level::info, "AgentReady", "the guest's agent answers",
               guest->id());
}

void MachineLoop::on(const Prepared& prepared) {
  auto found = waiting_.extract(prepared.token);
  if (found.empty()) return;
  Guest& guest = guests_.at(found.mapped());
  if (guest.preparing != prepared.token) return;
  guest.preparing = 0;
  guest.prepared = prepared.result.ok();
  if (!prepared.result.ok()) guest.prepare_error = prepared.result.error();
  touch(guest);
}

void MachineLoop::on(const UsageSample& sample) {
  waiting_.erase(sample.token);
  Guest* guest = at(sample.uuid, sample.boot);
  if (guest == nullptr) return;
  if (sample.token != 0 && sample.token == guest->final_sample) guest->sampled = true;
  note_usage(*guest, sample);
  touch(*guest);
}

void MachineLoop::sample_all() {
  if (!context_.jail_up) return;
  each_afoot([this](const Guest& guest) {
    if (machine::lives(guest.state))
      context_.act(SampleUsage{context_.token(), guest.uuid, guest.boot});
  });
}

}  // namespace bridle::fleet
