// FakeJail: the jail, the attendants and the QEMUs of one host in virtual time.
//
// QEMUs live in the kernel: they survive the jail's and the daemon's death. The jail keeps records
// (a folder: they survive it) and cgroups. Requests of one connection are worked off in order; a
// request whose daemon died meanwhile may still be worked off, late. Replies come in any order.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "fleet/actions.h"
#include "sim/plant.h"
#include "sim/timeline.h"

namespace bridle::sim {

struct Qemu {
  Uuid uuid;
  uint64_t generation = 0, boot = 0;
  uint32_t slot = 0, pid = 0;
  bool alive = true;
  bool prelaunch = true, paused = false;
  bool deaf = false;      // does not react to its power button
  bool tpm_lost = false;  // its TPM has ended
  Tick started, monitor_at, booted_at;
  int exit_status = -1;
  fleet::Launch launch;
  fleet::Tuning tuning;  // as its monitor was told
};

struct Record {
  Uuid uuid;
  uint64_t generation = 0, boot = 0;
  uint32_t slot = 0, pid = 0;
  bool exited = false;
  int exit_status = -1;
  bool tpm_lost = false;
};

class FakeJail {
 public:
  FakeJail(Timeline& time, Dice& dice, Checks& checks, Plant plant)
      : time_(time), dice_(dice), checks_(checks), plant_(plant) {}

  // To the daemon that is connected now; empty: none.
  std::function<void(decltype(fleet::Event::body), Duration)> tell;
  std::function<void(const Qemu&)> on_death;  // for monitors: the process is gone

  bool up() const { return up_; }
  void crash();
  void restart() { up_ = true; }
  void host_crash();

  // Verbs. `faults`: things may go wrong.
  void start(const fleet::StartGuest& request, bool faults);
  void signal(const Uuid& uuid, uint64_t boot);
  void release(const Uuid& uuid, uint64_t boot);
  void list(fleet::Token token);
  void usage(fleet::Token token, const Uuid& uuid, uint64_t boot);

  void die(Qemu& qemu, int status, bool attendant_lost = false);
  void lose_tpm(Qemu& qemu);
  Qemu* alive(const Uuid& uuid);
  std::vector<Qemu*> all_alive();
  void check() const;  // invariants of every step

  const std::map<Uuid, Record>& records() const { return records_; }
  const std::map<Uuid, Tick>& cgroups() const { return cgroups_; }

 private:
  Duration reply_delay() {
    return dice_.between(std::chrono::microseconds(50), std::chrono::milliseconds(8));
  }

  Timeline& time_;
  Dice& dice_;
  Checks& checks_;
  const Plant plant_;
  bool up_ = true;
  uint32_t last_pid_ = 100;
  std::vector<std::unique_ptr<Qemu>> qemus_;
  std::map<Uuid, Record> records_;
  std::map<Uuid, Tick> cgroups_;  // and since when
};

}  // namespace bridle::sim
