// What breaks.
#include <array>
#include <csignal>

#include "sim/host.h"
#include "sim/trace.h"

namespace bridle::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Host::kill_some_qemu() {
  std::vector<Qemu*> alive = jail_.all_alive();
  if (alive.empty()) return;
  jail_.die(*alive[dice_.below(alive.size())], dice_.one_in(2) ? SIGKILL : 1 << 8, dice_.one_in(2));
}

void Host::power_off_from_inside() {
  std::vector<Qemu*> alive = jail_.all_alive();
  if (alive.empty()) return;
  Qemu& qemu = *alive[dice_.below(alive.size())];
  if (qemu.paused || qemu.prelaunch) return;
  say(qemu.uuid, fleet::MonitorEvent{qemu.uuid, qemu.boot, fleet::MonitorNews::guest_off});
  jail_.die(qemu, 0);
}

void Host::kill_some_tpm() {
  std::vector<Qemu*> with;
  for (Qemu* qemu : jail_.all_alive())
    if (qemu->launch.spec.tpm && !qemu->tpm_lost) with.push_back(qemu);
  if (!with.empty()) jail_.lose_tpm(*with[dice_.below(with.size())]);
}

void Host::crash_jail() {
  if (!jail_.up()) return;
  checks_.line(trace_time(time_.now()) + name_ + " the jail dies");
  jail_.crash();
  ++jail_life_;
  time_.after(dice_.between(milliseconds(2), milliseconds(600)), [this] { jail_.restart(); });
  lose_jail();
}

void Host::crash_daemon() { kill_daemon(); }

// Power is lost: everything that ran is gone, and what was not synced may be.
void Host::crash_host() {
  checks_.line(trace_time(time_.now()) + name_ + " the host dies");
  kill_daemon();
  // As bridled does when it finds itself started anew (daemon/host.h).
  if (guests() == model::HostGuests::shutdown) set_guests(model::HostGuests::run);
  jail_.host_crash();
  ++jail_life_;
  store_.crash(dice_.source());
  usage_seen_.clear();
  time_.after(dice_.between(milliseconds(1), milliseconds(900)), [this] { jail_.restart(); });
}

void Host::break_monitor() {
  if (links_.empty()) return;
  auto at = links_.begin();
  std::advance(at, static_cast<long>(dice_.below(links_.size())));
  drop_link(at->first);
}

void Host::fail_store() {
  if (dice_.one_in(2))
    store_.lose_next_reply();
  else
    store_.fail_next(dice_.one_in(2) ? Code::exhausted : Code::unreachable);
}

// A guest that no machine stands for: left by a store that was restored from an older backup.
void Host::start_stray() {
  if (!jail_.up()) return;
  fleet::StartGuest start;
  start.launch.id = {Uuid::random(dice_.source()), 1};
  start.launch.boot = 1 + dice_.below(9);
  start.launch.slot = 4000 - static_cast<uint32_t>(dice_.below(2000));
  start.launch.name = "stray";
  jail_.start(start, false);
}

struct Host::Fault {
  unsigned weight;
  void (Host::*happen)();
};

void Host::fault_step() {
  static constexpr std::array<Fault, 9> faults = {{
      {25, &Host::kill_some_qemu},
      {15, &Host::power_off_from_inside},
      {10, &Host::kill_some_tpm},
      {15, &Host::crash_jail},
      {25, &Host::crash_daemon},
      {4, &Host::crash_host},
      {15, &Host::break_monitor},
      {10, &Host::fail_store},
      {3, &Host::start_stray},
  }};
  uint64_t total = 0;
  for (const Fault& each : faults) total += each.weight;
  uint64_t drawn = dice_.below(total);
  for (const Fault& each : faults) {
    if (drawn < each.weight) return (this->*each.happen)();
    drawn -= each.weight;
  }
}

void Host::end_faults() {
  faults_ = false;
  // The last fault may be a commit that fails: people try again.
  for (int i = 0; i < 3 && guests() != model::HostGuests::run; ++i)
    set_guests(model::HostGuests::run);
  if (!jail_.up()) jail_.restart();
}

}  // namespace bridle::sim
