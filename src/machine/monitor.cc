#include "machine/monitor.h"

#include <algorithm>

#include "base/check.h"

namespace bridle::machine {
namespace {

constexpr size_t max_early_events = 64;

// What an event says about the run state.
std::optional<qmp::RunState> state_after(const qmp::Event& event) {
  using qmp::RunState;
  if (std::holds_alternative<qmp::Stop>(event)) return RunState::paused;
  if (std::holds_alternative<qmp::Resume>(event)) return RunState::running;
  if (std::holds_alternative<qmp::Suspend>(event)) return RunState::suspended;
  if (std::holds_alternative<qmp::WakeUp>(event)) return RunState::running;
  if (std::holds_alternative<qmp::GuestPanicked>(event)) return RunState::guest_panicked;
  if (std::holds_alternative<qmp::Shutdown>(event)) return RunState::shutdown;
  return std::nullopt;
}

}  // namespace

Monitor::Monitor(MonitorOptions options)
    : options_(std::move(options)), lines_(qmp::longest_line) {}

std::vector<MonitorAction> Monitor::step(Tick now, const MonitorInput& input) {
  Actions out;
  if (phase_ == Phase::closed) return out;
  std::visit([&](const auto& each) { on(now, each, out); }, input);
  return out;
}

std::optional<Tick> Monitor::deadline() const {
  std::optional<Tick> first;
  if (phase_ == Phase::closed || phase_ == Phase::idle) return first;
  if (phase_ != Phase::up) first = up_due_;
  for (const auto& [id, pending] : pending_)
    if (!first || pending.due < *first) first = pending.due;
  return first;
}

void Monitor::on(Tick now, const MonitorOpened&, Actions& out) {
  BRIDLE_ASSERT(phase_ == Phase::idle);
  phase_ = Phase::greeting;
  up_due_ = now + options_.greeting_timeout;
  if (!options_.fresh) return;
  // Nobody else has spoken to this QEMU: all at once, it answers in order.
  std::string bytes = line(now, Purpose::capabilities, "qmp_capabilities", {});
  bytes += release_lines(now);
  bytes += line(now, Purpose::status, "query-status", {});
  out.push_back(MonitorSend{std::move(bytes)});
}

void Monitor::on(Tick now, const MonitorBytes& input, Actions& out) {
  const Status room = lines_.append(input.bytes);
  while (phase_ != Phase::closed) {
    const auto text = lines_.next();
    if (!text) break;
    auto message = qmp::parse(*text);
    if (!message) return close(std::move(message).error(), out);
    std::visit([&](auto& each) { hear(now, each, out); }, *message);
  }
  if (!room.ok() && phase_ != Phase::closed) close(room.error(), out);
}

void Monitor::on(Tick, const MonitorEnded& input, Actions& out) {
  close(Error(Code::unreachable, "QEMU's monitor: " + input.why), out);
}

void Monitor::on(Tick now, const MonitorTick&, Actions& out) {
  if (phase_ == Phase::idle) return;
  if (phase_ != Phase::up && now >= up_due_)
    return close(Error(Code::unreachable, "QEMU's monitor did not answer in time"), out);
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.due > now) {
      ++it;
      continue;
    }
    if (it->second.purpose != Purpose::caller)
      return close(Error(Code::unreachable, "QEMU's monitor did not answer in time"), out);
    out.push_back(
        MonitorReply{it->second.token, Error(Code::unreachable, "QEMU did not answer in time")});
    it = pending_.erase(it);
  }
}

void Monitor::on(Tick now, const MonitorCommand& input, Actions& out) {
  if (pending_.size() + waiting_.size() >= max_pending) {
    out.push_back(MonitorReply{
        input.token, Error(Code::exhausted, "too many commands wait for this QEMU: try later")});
    return;
  }
  if (phase_ != Phase::up) return waiting_.push_back(input);
  send_for_caller(now, input, out);
}

void Monitor::hear(Tick now, const qmp::Greeting& greeting, Actions& out) {
  if (phase_ != Phase::greeting) return close(Error(Code::invalid, "QMP: a second greeting"), out);
  version_ = greeting.version;
  phase_ = Phase::negotiating;
  if (options_.fresh) return;
  out.push_back(MonitorSend{line(now, Purpose::capabilities, "qmp_capabilities", {}) +
                            line(now, Purpose::status, "query-status", {})});
}

void Monitor::hear(Tick now, qmp::Reply& reply, Actions& out) {
  const auto it = pending_.find(reply.id);
  if (it == pending_.end()) return;  // its time was up already
  const Pending pending = it->second;
  pending_.erase(it);
  if (pending.purpose == Purpose::caller) {
    out.push_back(MonitorReply{pending.token, std::move(reply.result)});
    return;
  }
  if (phase_ == Phase::greeting)
    return close(Error(Code::invalid, "QMP: a reply before the greeting"), out);
  if (!reply.result.ok())
    return close(std::move(reply.result).error().context("letting the guest go"), out);
  if (pending.purpose == Purpose::status) status_known(now, *reply.result, out);
}

void Monitor::hear(Tick, const qmp::TimedEvent& event, Actions& out) {
  if (const auto state = state_after(event.event)) state_ = *state;
  MonitorEvent news{event.event, event.at};
  if (phase_ == Phase::up) {
    out.push_back(std::move(news));
    return;
  }
  // STOP and RESUME before MonitorUp are our own doing; MonitorUp says what came of it.
  const bool ours = std::holds_alternative<qmp::Stop>(event.event) ||
                    std::holds_alternative<qmp::Resume>(event.event);
  if (!ours && early_.size() < max_early_events) early_.push_back(std::move(news));
}

void Monitor::status_known(Tick now, const json::value& status, Actions& out) {
  auto state = qmp::run_state(status);
  if (!state) return close(std::move(state).error(), out);
  state_ = *state;
  const bool left_behind = state_ == qmp::RunState::prelaunch && !options_.fresh && !released_;
  if (!left_behind) return come_up(now, out);
  out.push_back(MonitorSend{release_lines(now) + line(now, Purpose::status, "query-status", {})});
}

// Links down, then go: what every guest needs exactly once.
std::string Monitor::release_lines(Tick now) {
  released_ = true;
  std::string bytes;
  for (const auto& link : options_.links)
    bytes += line(now, Purpose::link, "set_link", {{"name", link}, {"up", false}});
  if (!options_.hold) bytes += line(now, Purpose::go, "cont", {});
  return bytes;
}

void Monitor::come_up(Tick now, Actions& out) {
  phase_ = Phase::up;
  out.push_back(MonitorUp{state_, version_});
  for (auto& event : early_) out.push_back(std::move(event));
  early_.clear();
  for (const auto& command : waiting_) send_for_caller(now, command, out);
  waiting_.clear();
}

std::string Monitor::line(Tick now, Purpose purpose, std::string_view name,
                          const json::object& arguments) {
  const uint64_t id = next_id_++;
  pending_[id] = Pending{purpose, 0, now + options_.greeting_timeout};
  return qmp::command(id, name, arguments);
}

void Monitor::send_for_caller(Tick now, const MonitorCommand& command, Actions& out) {
  const uint64_t id = next_id_++;
  const Duration timeout = command.timeout.value_or(options_.command_timeout);
  pending_[id] = Pending{Purpose::caller, command.token, now + timeout};
  out.push_back(MonitorSend{qmp::command(id, command.name, command.arguments)});
}

void Monitor::close(Error error, Actions& out) {
  phase_ = Phase::closed;
  const Error ended(Code::unreachable, "the monitor's session ended: " + error.message());
  for (const auto& [id, pending] : pending_)
    if (pending.purpose == Purpose::caller) out.push_back(MonitorReply{pending.token, ended});
  for (const auto& command : waiting_) out.push_back(MonitorReply{command.token, ended});
  pending_.clear();
  waiting_.clear();
  out.push_back(MonitorClosed{std::move(error)});
}

}  // namespace bridle::machine
