// Host: one host of the simulated world: the real Controller, and around it a rim (bridled), a
// store, a ledger, a jail with attendants and QEMUs, files, and users who change their minds.
//
//   rim.cc      carries out actions, turns what happens into events, dies and comes back
//   users.cc    the API's part: creates, changes, deletes objects as people would
//   faults.cc   what breaks
//   settle.cc   what must be true when everything has come to rest
//
// Thread class: one thread. Everything is decided by the seed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "fleet/controller.h"
#include "model/host.h"
#include "model/object.h"
#include "sim/fake_jail.h"
#include "sim/fake_ledger.h"
#include "sim/plant.h"
#include "sim/timeline.h"
#include "store/memory_store.h"

namespace bridle::sim {

class Host {
 public:
  Host(std::string name, Timeline& time, Checks& checks, uint64_t seed, Plant plant);

  void begin();  // first start of everything; an image is built
  // One random thing that people do or that breaks.
  void user_step();
  void fault_step();
  void end_faults();  // from now on nothing breaks and nobody changes anything
  bool quiet() const { return brain_ && !brain_->busy(); }
  void check_settled();
  // The host is shut down, and everything stops; it comes back, and everything starts: in order.
  void shut_down();
  void check_shut_down();
  void come_back();
  void check_order();

 private:
  using Body = decltype(fleet::Event::body);

  // rim.cc
  void start_daemon();
  void deliver_load();
  void kill_daemon();
  void connect_jail(Duration delay);
  void lose_jail();
  void deliver(Body body, Duration delay);
  void step(Body body);
  void look_at_store();
  void to_jail(std::function<void()> request);
  void carry_out(const fleet::Action& action);
  void act(const fleet::Commit& commit);
  void act(const fleet::LedgerAppend& entry);
  void act(const fleet::ListGuests& list);
  void act(const fleet::Prepare& prepare);
  void act(const fleet::DropPrepared& drop);
  void act(const fleet::StartGuest& start);
  void act(const fleet::SignalGuest& signal);
  void act(const fleet::SetLimits& limits);
  void act(const fleet::SetTuning& set);
  void act(const fleet::ReleaseGuest& release);
  void act(const fleet::SampleUsage& sample);
  void act(const fleet::AttachMonitor& attach);
  void act(const fleet::Monitor& command);
  void act(const fleet::CreateVolume& create);
  void act(const fleet::ResizeVolume& resize);
  void act(const fleet::ResizeDisk& resize);
  void act(const fleet::RemoveVolume& remove);
  void act(const fleet::CollectParts& collect);
  void act(const fleet::BuildImage& build);
  void act(const fleet::CancelBuild& cancel);
  void act(const fleet::SetTimer& timer);
  void act(const fleet::CancelTimer& timer);
  Duration reply() {
    return dice_.between(std::chrono::microseconds(50), std::chrono::milliseconds(5));
  }

  // monitors.cc
  struct Link {
    uint64_t boot = 0;
    uint64_t number = 0;  // of the connection
    Tick last;            // what QEMU says comes in order
  };
  void say(const Uuid& uuid, Body body);
  void drop_link(const Uuid& uuid);
  void obey(const fleet::Monitor& command);
  Status command_result(Qemu& qemu, fleet::MonitorVerb verb);
  void power_button(Qemu& qemu);

  // users.cc
  struct UserAct;
  bool commit(const std::vector<store::Write>& writes);
  std::optional<model::Object> read(model::Kind kind, const std::string& name);
  void put(model::Object object);
  void change(model::Kind kind, const std::string& name,
              const std::function<void(model::Object&)>& edit);
  void remove(model::Kind kind, const std::string& name);
  void operate(std::string_view verb, model::Kind kind, const std::string& name);
  std::string any(model::Kind kind);
  void create_machine();
  void create_volume();
  void create_image();
  void power_machine();
  void edit_machine();
  void grow_volume();
  void stop_or_run_all();
  model::HostGuests guests();
  void set_guests(model::HostGuests guests);
  void delete_something();
  void operate_something();
  void cancel_something();

  // faults.cc
  struct Fault;
  void kill_some_qemu();
  void power_off_from_inside();
  void kill_some_tpm();
  void crash_jail();
  void crash_host();
  void crash_daemon();
  void break_monitor();
  void fail_store();
  void start_stray();

  // settle.cc
  void check_machine(const model::Object& machine);
  bool used_by_guest(const std::string& volume);
  bool read_only_user(const std::string& volume);
  void check_store_files();
  std::vector<model::Object> all(model::Kind kind);
  void check_usage(const store::Write& write);

  const std::string name_;
  Timeline& time_;
  Checks& checks_;
  Dice dice_;
  const Plant plant_;
  bool faults_ = true;

  store::MemoryStore store_;
  FakeLedger ledger_;
  FakeJail jail_;
  std::unique_ptr<SeededRandom> brain_random_;
  std::unique_ptr<fleet::Controller> brain_;
  uint64_t life_ = 0;  // of the daemon; what was for an earlier one is dropped
  uint64_t connection_ = 0, jail_life_ = 0;
  bool jail_connected_ = false;
  Tick jail_arrival_;
  Revision told_ = 0;  // of the store, to the brain
  bool doorbell_ = false;
  bool loaded_ = false;  // the brain has the store's listing

  struct Turn {
    uint32_t order = 0;
    Tick asked, ended, started, up;  // powerdown or kill, death, start, monitor
  };
  std::map<Uuid, Turn> turns_;             // of the last shutdown
  std::set<std::string> files_;            // volumes
  std::map<std::string, uint64_t> sizes_;  // of those that grew
  std::set<std::string> parts_;
  std::map<Uuid, uint64_t> prepared_;  // machine -> boot
  std::set<fleet::Token> timers_;
  std::map<fleet::Token, std::string> builds_;
  std::map<Uuid, Link> links_;
  uint64_t last_link_ = 0;
  std::map<std::string, uint64_t> usage_seen_;
  uint64_t made_ = 0;  // names
};

}  // namespace bridle::sim
