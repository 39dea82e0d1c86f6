#include "sim/fake_jail.h"

#include <csignal>

namespace bridle::sim {

void FakeJail::crash() { up_ = false; }

void FakeJail::host_crash() {
  up_ = false;
  for (auto& qemu : qemus_) qemu->alive = false;
  qemus_.clear();
  cgroups_.clear();
  // The runtime folder may be a tmpfs or not.
  if (dice_.one_in(2)) records_.clear();
  for (auto& [uuid, record] : records_) {
    if (!record.exited) record.exit_status = -1;
    record.exited = true;
  }
}

void FakeJail::start(const fleet::StartGuest& request, bool faults) {
  const fleet::Launch& launch = request.launch;
  Uuid uuid = launch.id.uuid;
  bool again = records_.contains(uuid);
  if (again && plant_ != Plant::double_start)
    return tell(fleet::GuestStartFailed{uuid, launch.boot,
                                        Error(Code::conflict, "the jail has a guest of that uuid")},
                reply_delay());
  if (faults && dice_.one_in(30))
    return tell(fleet::GuestStartFailed{uuid, launch.boot, Error(Code::internal, "fork failed")},
                reply_delay());
  auto qemu = std::make_unique<Qemu>();
  qemu->uuid = uuid;
  qemu->generation = launch.id.generation;
  qemu->boot = launch.boot;
  qemu->slot = launch.slot;
  qemu->pid = ++last_pid_;
  qemu->deaf = faults && dice_.one_in(5);
  qemu->started = time_.now();
  qemu->monitor_at =
      time_.now() + dice_.between(std::chrono::milliseconds(5), std::chrono::milliseconds(300));
  qemu->booted_at =
      qemu->monitor_at + dice_.between(std::chrono::seconds(1), std::chrono::seconds(6));
  qemu->launch = launch;
  qemu->tuning.disk = launch.spec.disk;
  records_[uuid] = {uuid, qemu->generation, qemu->boot, qemu->slot, qemu->pid, false, -1};
  cgroups_[uuid] = time_.now();
  tell(fleet::GuestStarted{uuid, qemu->boot, qemu->pid}, reply_delay());
  qemus_.push_back(std::move(qemu));
}

void FakeJail::signal(const Uuid& uuid, uint64_t boot) {
  if (Qemu* qemu = alive(uuid); qemu != nullptr && qemu->boot == boot) die(*qemu, SIGKILL);
}

void FakeJail::release(const Uuid& uuid, uint64_t boot) {
  auto found = records_.find(uuid);
  if (found != records_.end() && found->second.boot == boot) {
    if (!found->second.exited)
      return tell(fleet::GuestReleased{uuid, boot, Error(Code::conflict, "it runs")},
                  reply_delay());
    records_.erase(found);
    if (plant_ != Plant::leaked_resource || !dice_.one_in(4)) cgroups_.erase(uuid);
  }
  fleet::GuestReleased released;
  released.uuid = uuid;
  released.boot = boot;
  tell(std::move(released), reply_delay());
}

void FakeJail::list(fleet::Token token) {
  fleet::JailGuests answer{token, {}};
  for (const auto& [uuid, record] : records_)
    answer.guests.push_back({uuid,
                             record.generation,
                             record.boot,
                             record.slot,
                             record.pid,
                             !record.exited,
                             record.exit_status,
                             {},
                             record.tpm_lost});
  tell(std::move(answer), reply_delay());
}

void FakeJail::usage(fleet::Token token, const Uuid& uuid, uint64_t boot) {
  auto group = cgroups_.find(uuid);
  auto record = records_.find(uuid);
  if (group == cgroups_.end() || record == records_.end() || record->second.boot != boot)
    return tell(fleet::UsageSample{token, uuid, boot, Error(Code::not_found, "no such guest")},
                reply_delay());
  auto lived = static_cast<uint64_t>((time_.now() - group->second).count());
  model::Usage usage{lived / 2, lived / 10, lived / 100, 64 << 20, lived / 1000, lived / 2000};
  tell(fleet::UsageSample{token, uuid, boot, usage}, reply_delay());
}

void FakeJail::die(Qemu& qemu, int status, bool attendant_lost) {
  if (!qemu.alive) return;
  qemu.alive = false;
  // Nobody was there to reap it.
  qemu.exit_status = attendant_lost && !up_ ? -1 : status;
  auto record = records_.find(qemu.uuid);
  if (record != records_.end() && record->second.boot == qemu.boot) {
    record->second.exited = true;
    record->second.exit_status = qemu.exit_status;
  }
  if (on_death) on_death(qemu);
  if (up_) tell(fleet::GuestExited{qemu.uuid, qemu.boot, qemu.exit_status}, reply_delay());
}

void FakeJail::lose_tpm(Qemu& qemu) {
  qemu.tpm_lost = true;
  auto record = records_.find(qemu.uuid);
  if (record != records_.end() && record->second.boot == qemu.boot) record->second.tpm_lost = true;
  if (up_) tell(fleet::TpmLost{qemu.uuid, qemu.boot}, reply_delay());
}

Qemu* FakeJail::alive(const Uuid& uuid) {
  for (auto& qemu : qemus_)
    if (qemu->alive && qemu->uuid == uuid) return qemu.get();
  return nullptr;
}

std::vector<Qemu*> FakeJail::all_alive() {
  std::erase_if(qemus_, [](const auto& qemu) { return !qemu->alive; });
  std::vector<Qemu*> all;
  for (auto& qemu : qemus_) all.push_back(qemu.get());
  return all;
}

void FakeJail::check() const {
  std::set<Uuid> seen;
  std::set<uint32_t> slots;
  std::set<std::string> written;
  for (const auto& qemu : qemus_) {
    if (!qemu->alive) continue;
    checks_.require(seen.insert(qemu->uuid).second,
                    "doubled: two QEMUs of " + qemu->launch.project + "/" + qemu->launch.name);
    checks_.require(slots.insert(qemu->slot).second,
                    "guest slot " + std::to_string(qemu->slot) + " is used twice");
    for (const fleet::DiskSource& disk : qemu->launch.disks)
      if (!disk.disk.read_only)
        checks_.require(written.insert(disk.volume.path).second,
                        "two guests write to " + disk.volume.path);
  }
}

}  // namespace bridle::sim
