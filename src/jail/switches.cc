#include "jail/switches.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/log.h"
#include "jail/guest_start.h"
#include "jail/guests.h"
#include "jail/process.h"
#include "jail/supervise.h"
#include "jail/validate.h"

namespace bridle::jail {

using namespace std::chrono_literals;

namespace {

constexpr size_t longest_line = 400;
constexpr unsigned most_lines = 20;  // a second

Limits bounded(Limits limits) {
  if (limits.memory_limit == 0) limits.memory_limit = helper_memory();
  return limits;
}

}  // namespace

Switches::Switches(Loop& loop, const Layout& layout, Cgroups& cgroups, std::string program,
                   Ports& ports)
    : loop_(loop),
      layout_(layout),
      cgroups_(cgroups),
      program_(std::move(program)),
      ports_(ports) {}

std::string Switches::group_of(uint32_t zone) const { return "switches/" + std::to_string(zone); }

void Switches::describe(const Switch& it, Reply& reply) const {
  reply.zone = it.record.zone;
  reply.pid = it.pidfd ? it.record.process.pid : 0;
  reply.start_time = it.pidfd ? it.record.process.start_time : 0;
  reply.state = it.pidfd ? GuestState::running : GuestState::exited;
  reply.deaths = it.deaths;
}

std::vector<Reply> Switches::list(uint64_t id) const {
  std::vector<Reply> replies;
  for (const auto& [zone, it] : switches_) {
    Reply reply = blank_reply(Verb::switch_list, id);
    describe(it, reply);
    reply.index = static_cast<uint32_t>(replies.size());
    replies.push_back(reply);
  }
  for (Reply& reply : replies) reply.count = static_cast<uint32_t>(replies.size());
  if (replies.empty()) replies.push_back(blank_reply(Verb::switch_list, id));
  return replies;
}

Status Switches::check_known(uint32_t zone) const {
  if (switches_.contains(zone)) return {};
  return Error(Code::not_found,
               "zone " + std::to_string(zone) + " has no switch: switch_start comes first");
}

bool Switches::waits_for(pid_t pid) const {
  return std::ranges::any_of(switches_, [pid](const auto& entry) {
    return entry.second.pidfd && entry.second.record.process.pid == static_cast<uint32_t>(pid);
  });
}

// ---- adoption

Status Switches::adopt() {
  BRIDLE_TRY(host_boot_, host_boot_id());
  BRIDLE_TRY(const auto names, list_folder(layout_.switches()));
  for (const std::string& name : names) {
    uint32_t zone = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), zone);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    Status status = adopt_one(zone);
    if (!status.ok() && status.error().code() == Code::refused) return status;
    if (!status.ok())
      log::error("cannot adopt a switch", {{"zone", name}, {"error", status.error().message()}});
  }
  return {};
}

// A folder without a record is of a start or a stop that was cut: bridled asks again.
Status Switches::adopt_one(uint32_t zone) {
  if (zone < 1 || zone > Layout::max_zone) return Error(Code::corrupt, "no zone's folder");
  BRIDLE_TRY(const std::string bytes, read_file(layout_.switch_run(zone) + "/record", 4096));
  BRIDLE_TRY(const SwitchRecord record, decode_switch_record(bytes));
  const bool same_boot = record.host_boot == host_boot_;
  BRIDLE_CHECK(ports_.adopt(zone, same_boot));
  Switch& it = switches_[zone];
  it.record = record;
  auto process = same_boot ? open_process(record.process)
                           : Result<Fd>(Error(Code::gone, "the host was restarted"));
  BRIDLE_CHECK(make_switch_folders(layout_, zone));
  BRIDLE_CHECK(hear_errors(it));
  if (!process) {
    run_again(zone);
    return {};
  }
  it.pidfd = *std::move(process);
  it.since = clock_.now();
  BRIDLE_CHECK(watch(it));
  ports_.switch_runs(zone, record.process);
  return {};
}

// ---- life

Status Switches::watch(Switch& it) {
  const uint32_t zone = it.record.zone;
  return loop_.watch(it.pidfd.get(), EPOLLIN, [this, zone](uint32_t) { ended(zone); });
}

// Whoever is in its group belongs to a process that the record does not know.
Status Switches::run(Switch& it) {
  const uint32_t zone = it.record.zone;
  for (const pid_t pid : cgroups_.members(group_of(zone))) ::kill(pid, SIGKILL);
  BRIDLE_CHECK(cgroups_.create_plain(group_of(zone), bounded(it.record.limits)));
  SwitchLaunch launch{zone, program_, {}};
  BRIDLE_TRY(launch.groups, cgroups_.shared_entrances(group_of(zone)));
  BRIDLE_TRY(RunningSwitch running, launch_switch(layout_, std::move(launch)));
  it.record.process = running.id;
  it.pidfd = std::move(running.pidfd);
  it.since = clock_.now();
  BRIDLE_CRASH_POINT("switch.started");
  BRIDLE_CHECK(replace_file(layout_.switch_run(zone) + "/record", encode(it.record)));
  BRIDLE_CHECK(watch(it));
  ports_.switch_runs(zone, it.record.process);
  return {};
}

void Switches::run_again(uint32_t zone) {
  const auto found = switches_.find(zone);
  if (found == switches_.end() || found->second.pidfd) return;
  const Status status = run(found->second);
  if (status.ok()) return;
  log::error("cannot start a switch",
             {{"zone", std::to_string(zone)}, {"error", status.error().message()}});
  found->second.timer = loop_.after(1s, [this, zone] { run_again(zone); });
}

void Switches::ended(uint32_t zone) {
  Switch& it = switches_.at(zone);
  reap(it.pidfd.get());
  loop_.forget(it.pidfd.get());
  it.pidfd.reset();
  loop_.cancel(it.killer);
  ports_.switch_ended(zone);
  if (it.on_end) {
    const Answer then = std::move(it.on_end);
    it.on_end = nullptr;
    return then({});
  }
  ++it.deaths;
  if (clock_.now() - it.since > 10s) it.deaths_in_a_row = 0;
  const Duration delay = it.deaths_in_a_row == 0 ? 0ms : restart_delay(it.deaths_in_a_row);
  ++it.deaths_in_a_row;
  log::warning("a switch died: starting another", {{"zone", std::to_string(zone)}});
  if (delay == Duration(0)) return run_again(zone);
  it.timer = loop_.after(delay, [this, zone] { run_again(zone); });
}

// SIGTERM lets it take leave of its guests; one that does not end within a second is killed.
void Switches::end(Switch& it, Answer then) {
  loop_.cancel(it.timer);
  if (!it.pidfd) return then({});
  it.on_end = std::move(then);
  signal_process(it.pidfd.get(), SIGTERM);
  const uint32_t zone = it.record.zone;
  it.killer = loop_.after(1s, [this, zone] {
    const auto found = switches_.find(zone);
    if (found != switches_.end() && found->second.pidfd)
      signal_process(found->second.pidfd.get(), SIGKILL);
  });
}

// ---- verbs

Status Switches::prepare(const Request& request, Switch& it) {
  const uint32_t zone = request.zone;
  BRIDLE_CHECK(make_switch_folders(layout_, zone));
  it.record.zone = zone;
  it.record.limits = request.limits;
  it.record.host_boot = host_boot_;
  if (!it.errors) BRIDLE_CHECK(hear_errors(it));
  BRIDLE_CHECK(replace_file(layout_.switch_run(zone) + "/record", encode(it.record)));
  return cgroups_.create_plain(group_of(zone), bounded(request.limits));
}

void Switches::start(const Request& request, const Answer& answer) {
  const uint32_t zone = request.zone;
  const auto tell = [this, zone, answer](const Status& status) {
    Reply reply = blank_reply(Verb::switch_start, 0);
    reply.zone = zone;
    if (const auto found = switches_.find(zone); found != switches_.end())
      describe(found->second, reply);
    if (!status.ok()) set_error(reply, status.error());
    answer(reply);
  };
  const bool is_new = !switches_.contains(zone);
  Switch& it = switches_[zone];
  if (it.on_end) return tell(Error(Code::conflict, "this switch is being ended"));
  Status status = prepare(request, it);
  if (!status.ok() && is_new) {
    if (it.errors) loop_.forget(it.errors.get());
    switches_.erase(zone);
  }
  const bool replaces = (request.switch_flags & switch_restart) != 0;
  if (!status.ok() || (it.pidfd && !replaces)) return tell(status);
  end(it, [this, zone, tell](const Reply&) {
    Switch& ready = switches_.at(zone);
    ready.deaths_in_a_row = 0;
    const Status ran = run(ready);
    if (!ran.ok()) ready.timer = loop_.after(1s, [this, zone] { run_again(zone); });
    tell(ran);
  });
}

void Switches::stop(const Request& request, const Answer& answer) {
  const auto found = switches_.find(request.zone);
  if (found == switches_.end()) return finish_stop(request, answer, 0);
  if (found->second.on_end) {
    Reply reply = blank_reply(Verb::switch_stop, request.id);
    set_error(reply, Error(Code::conflict, "this switch is being ended"));
    return answer(reply);
  }
  end(found->second, [this, request, answer](const Reply&) { finish_stop(request, answer, 0); });
}

// The kernel may need a moment to empty the group.
void Switches::finish_stop(const Request& request, const Answer& answer, int round) {
  const Status status = clear_away(request.zone, (request.switch_flags & switch_forget) != 0);
  if (!status.ok() && status.error().code() == Code::conflict && round < 100) {
    loop_.after(5ms, [this, request, answer, round] { finish_stop(request, answer, round + 1); });
    return;
  }
  Reply reply = blank_reply(Verb::switch_stop, request.id);
  reply.zone = request.zone;
  if (!status.ok()) set_error(reply, status.error());
  answer(reply);
}

// What a switch leaves: ports, processes of a start that was cut, group, folders.
Status Switches::clear_away(uint32_t zone, bool forget) {
  if (const auto found = switches_.find(zone); found != switches_.end()) {
    loop_.cancel(found->second.timer);
    if (found->second.errors) loop_.forget(found->second.errors.get());
    switches_.erase(found);
  }
  BRIDLE_CHECK(ports_.close_all(zone));
  for (const pid_t pid : cgroups_.members(group_of(zone))) ::kill(pid, SIGKILL);
  BRIDLE_CHECK(cgroups_.remove(group_of(zone)));
  BRIDLE_CHECK(remove_tree(layout_.switch_run(zone)));
  return forget ? remove_tree(layout_.switch_state(zone)) : Status();
}

// ---- what it says

Status Switches::hear_errors(Switch& it) {
  const uint32_t zone = it.record.zone;
  BRIDLE_TRY(it.errors, open_switch_errors(layout_, zone));
  return loop_.watch(it.errors.get(), EPOLLIN, [this, zone](uint32_t) { read_errors(zone); });
}

void Switches::read_errors(uint32_t zone) {
  Switch& it = switches_.at(zone);
  char bytes[4096];
  const ssize_t size = ::read(it.errors.get(), bytes, sizeof bytes);
  for (ssize_t i = 0; i < size; ++i) {
    if (bytes[i] != '\n') it.partial += bytes[i];
    if (bytes[i] != '\n' && it.partial.size() < longest_line) continue;
    if (!it.partial.empty()) say(it, it.partial);
    it.partial.clear();
  }
}

void Switches::say(Switch& it, const std::string& line) {
  const Tick now = clock_.now();
  if (now - it.second > 1s) {
    it.second = now;
    it.lines = 0;
  }
  if (++it.lines > most_lines) return;
  log::info("a switch says",
            {{"zone", std::to_string(it.record.zone)}, {"line", printable(line, longest_line)}});
}

}  // namespace bridle::jail
