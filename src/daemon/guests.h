// Guests: the hands for everything about running guests: starts, signals, limits, monitors, agents.
// One entry for each guest (uuid, boot) that the controller attached or started.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/layout.h"
#include "base/random.h"
#include "daemon/guest_link.h"
#include "daemon/jail_link.h"
#include "daemon/loop.h"
#include "daemon/prepared.h"
#include "daemon/runner.h"

namespace bridle::daemon {

class Guests {
 public:
  Guests(Loop& loop, Clock& clock, Random& random, const Layout& layout, Runner& runner,
         JailLink& jail);

  // Guests of the jail's that are none of the controller's (a probe).
  void hide(std::function<bool(const Uuid&)> hidden) { hidden_ = std::move(hidden); }

  // Files of the coming StartGuest of (uuid, boot).
  void keep(const Uuid& uuid, uint64_t boot, Prepared prepared);
  void forget_prepared(const Uuid& uuid, uint64_t boot);
  // The jail said so, unasked.
  void exited(const jail::Answer& answer);
  // What the jail keeps for a machine that is deleted goes.
  void forget(const Uuid& uuid);
  // A connection to the guest's screen that speaks RFB, nothing left to authenticate.
  // Code::conflict: it does not run, or has none.
  void open_display(const Uuid& uuid, std::function<void(Result<Fd>)> done);
  // The screen as PNG, whole or not at all.
  void take_screen(const Uuid& uuid, std::function<void(Result<std::string>)> done);
  // Code::unreachable: no such guest, or no agent.
  void ask_agent(const Uuid& uuid, machine::AgentRequest request, GuestLink::AgentDone done);

 private:
  struct Guest {
    uint64_t boot = 0;
    Prepared prepared;
    std::shared_ptr<GuestLink> link;
  };

  void register_hands();
  void list(fleet::ListGuests& action);
  void start(fleet::StartGuest& action);
  Result<Fd> open_need(const machine::FileNeed& need, const Uuid& uuid, Guest& entry);
  GuestLink* running_link(const Uuid& uuid);
  void connect_display(const Uuid& uuid, const std::function<void(Result<Fd>)>& done);
  Result<jail::Request> start_request(const fleet::StartGuest& action, std::vector<Fd>& files);
  void signal(fleet::SignalGuest& action);
  void set_limits(fleet::SetLimits& action);
  void tune(fleet::SetTuning& action);
  void resize(fleet::ResizeDisk& action);
  void tell_usage(fleet::UsageSample sample);
  void release(fleet::ReleaseGuest& action);
  void sample(fleet::SampleUsage& action);
  void attach(fleet::AttachMonitor& action);
  void command(fleet::Monitor& action);

  // Null: it is not connected.
  GuestLink* monitor_of(const Uuid& uuid, uint64_t boot);
  Guest& guest(const Uuid& uuid, uint64_t boot);
  GuestLink::Callbacks callbacks(const Uuid& uuid, uint64_t boot);
  void drop(const Uuid& uuid);

  Loop& loop_;
  Clock& clock_;
  Random& random_;
  const Layout& layout_;
  Runner& runner_;
  JailLink& jail_;
  std::function<bool(const Uuid&)> hidden_;
  std::map<Uuid, Guest> guests_;
  uint64_t next_screen_ = 1;  // names what is handed to QEMU
};

}  // namespace bridle::daemon
