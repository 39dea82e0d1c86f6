#include "daemon/guest_link.h"

#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "base/overload.h"

namespace bridle::daemon {
namespace {

Duration until(Tick due, Tick now) { return std::max(due - now, Duration(0)); }

constexpr uint64_t agent_ids = uint64_t{1} << 52;

}  // namespace

GuestLink::GuestLink(Loop& loop, Clock& clock, Random& random, std::string folder,
                     Callbacks callbacks)
    : loop_(loop),
      clock_(clock),
      random_(random),
      folder_(std::move(folder)),
      callbacks_(std::move(callbacks)) {}

void GuestLink::attach_monitor(machine::MonitorOptions options) {
  monitor_ = std::make_shared<machine::Monitor>(std::move(options));
  StreamLink::Callbacks callbacks;
  callbacks.up = [this] { feed_monitor(machine::MonitorOpened{}); };
  callbacks.bytes = [this](std::string_view bytes) { feed_monitor(machine::MonitorBytes{bytes}); };
  callbacks.down = [this] { feed_monitor(machine::MonitorEnded{"QEMU closed its monitor"}); };
  monitor_link_ = std::make_shared<StreamLink>(loop_, folder_ + "/qmp.sock", StreamLink::Retry::no,
                                               std::move(callbacks));
}

void GuestLink::feed_monitor(const machine::MonitorInput& input) {
  const auto monitor = monitor_;  // stays while its actions are carried out
  if (!monitor || monitor->closed()) return;
  for (auto& action : monitor->step(clock_.now(), input)) carry_out(action);
  if (monitor_ != monitor) return;
  monitor_timer_.reset();
  if (const auto due = monitor->deadline())
    monitor_timer_ =
        loop_.after(until(*due, clock_.now()), [this] { feed_monitor(machine::MonitorTick{}); });
}

void GuestLink::carry_out(machine::MonitorAction& action) {
  std::visit(Overload{
                 [&](machine::MonitorSend& send) {
                   BRIDLE_CRASH_POINT("qmp.send");
                   if (monitor_link_) monitor_link_->send(send.bytes, std::move(passing_));
                   BRIDLE_CRASH_POINT("qmp.sent");
                 },
                 [&](machine::MonitorUp& up) {
                   callbacks_.monitor_up(up.state, up.version.text());
                   open_agent();
                 },
                 [&](machine::MonitorEvent& event) { callbacks_.monitor_event(event.event); },
                 [&](machine::MonitorReply& reply) {
                   auto node = commands_.extract(reply.token);
                   if (!node.empty()) node.mapped()(std::move(reply.result));
                 },
                 [&](machine::MonitorClosed& closed) { drop_monitor(closed.error.message()); },
             },
             action);
}

void GuestLink::drop_monitor(const std::string& why) {
  monitor_timer_.reset();
  // The link may be the caller: it goes when the stack is unwound.
  loop_.post([link = std::move(monitor_link_), monitor = std::move(monitor_)] {});
  monitor_link_.reset();
  monitor_.reset();
  std::map<uint64_t, MonitorDone> commands;
  commands.swap(commands_);
  for (auto& [token, done] : commands) done(Error(Code::unreachable, why));
  callbacks_.monitor_down(why);
}

void GuestLink::command(std::string name, boost::json::object arguments, MonitorDone done) {
  if (!monitor_ || monitor_->closed())
    return done(Error(Code::unreachable, "QEMU's monitor is not connected"));
  const uint64_t token = next_token_++;
  commands_.emplace(token, std::move(done));
  feed_monitor(machine::MonitorCommand{token, std::move(name), std::move(arguments), {}});
}

void GuestLink::hand_over(std::string name, boost::json::object arguments, Fd fd,
                          MonitorDone done) {
  passing_ = std::move(fd);
  command(std::move(name), std::move(arguments), std::move(done));
  passing_.reset();
}

void GuestLink::open_agent() {
  if (agent_link_) return;
  StreamLink::Callbacks callbacks;
  callbacks.up = [this] {
    agent_ = std::make_shared<machine::AgentSession>(random_.below(agent_ids));
    feed_agent(machine::AgentOpened{});
  };
  callbacks.bytes = [this](std::string_view bytes) { feed_agent(machine::AgentBytes{bytes}); };
  callbacks.down = [this] {
    feed_agent(machine::AgentEnded{"the agent's channel was closed"});
    agent_.reset();
  };
  agent_link_ = std::make_shared<StreamLink>(loop_, folder_ + "/agent.sock", StreamLink::Retry::yes,
                                             std::move(callbacks));
}

void GuestLink::feed_agent(const machine::AgentInput& input) {
  const auto agent = agent_;
  if (!agent || agent->closed()) return;
  for (auto& action : agent->step(clock_.now(), input)) carry_out(action);
  if (agent_ != agent) return;
  agent_timer_.reset();
  if (const auto due = agent->deadline())
    agent_timer_ =
        loop_.after(until(*due, clock_.now()), [this] { feed_agent(machine::AgentTick{}); });
}

void GuestLink::carry_out(machine::AgentAction& action) {
  std::visit(Overload{
                 [&](machine::AgentSend& send) {
                   BRIDLE_CRASH_POINT("agent.send");
                   if (agent_link_) agent_link_->send(send.bytes);
                 },
                 [&](machine::AgentUp& up) { callbacks_.agent_ready(up.version); },
                 [&](machine::AgentReply& reply) {
                   auto node = asked_.extract(reply.token);
                   if (!node.empty()) node.mapped()(std::move(reply.result));
                 },
                 [&](machine::AgentClosed&) {
                   // A guest that talks nonsense is talked to again, from the beginning.
                   loop_.post([link = agent_link_] { link->close(); });
                 },
             },
             action);
}

void GuestLink::ask_agent(machine::AgentRequest request, AgentDone done) {
  if (!agent_ || agent_->closed())
    return done(Error(Code::unreachable, "the guest's agent is not connected"));
  const uint64_t token = next_token_++;
  asked_.emplace(token, std::move(done));
  feed_agent(machine::AgentAsk{token, std::move(request)});
}

}  // namespace bridle::daemon
