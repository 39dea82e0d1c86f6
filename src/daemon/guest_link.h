// GuestLink: bridled's conversations with one run of one guest: QEMU's monitor and the guest's
// agent. Wires machine::Monitor and machine::AgentSession (pure) to their sockets and deadlines.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/result.h"
#include "daemon/loop.h"
#include "daemon/stream_link.h"
#include "machine/agent.h"
#include "machine/monitor.h"

namespace bridle::daemon {

class GuestLink {
 public:
  struct Callbacks {
    std::function<void(machine::qmp::RunState, const std::string& qemu_version)> monitor_up;
    std::function<void(const machine::qmp::Event&)> monitor_event;
    std::function<void(const std::string& why)> monitor_down;
    std::function<void(const std::string& version)> agent_ready;
  };
  using MonitorDone = std::function<void(Result<boost::json::value>)>;
  using AgentDone = std::function<void(Result<boost::json::object>)>;

  // folder: run/g/UUID of the layout.
  GuestLink(Loop& loop, Clock& clock, Random& random, std::string folder, Callbacks callbacks);

  // REQUIRES: !monitor_attached().
  void attach_monitor(machine::MonitorOptions options);
  bool monitor_attached() const { return monitor_ != nullptr; }
  void command(std::string name, boost::json::object arguments, MonitorDone done);
  // The same with a descriptor beside it, for QEMU's getfd and add-fd.
  void hand_over(std::string name, boost::json::object arguments, Fd fd, MonitorDone done);
  void ask_agent(machine::AgentRequest request, AgentDone done);

 private:
  void feed_monitor(const machine::MonitorInput& input);
  void carry_out(machine::MonitorAction& action);
  void drop_monitor(const std::string& why);
  void open_agent();
  void feed_agent(const machine::AgentInput& input);
  void carry_out(machine::AgentAction& action);

  Loop& loop_;
  Clock& clock_;
  Random& random_;
  std::string folder_;
  Callbacks callbacks_;
  uint64_t next_token_ = 1;

  std::shared_ptr<StreamLink> monitor_link_;
  std::shared_ptr<machine::Monitor> monitor_;
  std::unique_ptr<Handle> monitor_timer_;
  std::map<uint64_t, MonitorDone> commands_;
  Fd passing_;  // goes with what the monitor sends next

  std::shared_ptr<StreamLink> agent_link_;
  std::shared_ptr<machine::AgentSession> agent_;
  std::unique_ptr<Handle> agent_timer_;
  std::map<uint64_t, AgentDone> asked_;
};

}  // namespace bridle::daemon
