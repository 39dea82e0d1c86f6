// The monitors of QEMUs: connections, commands, and what QEMU says unasked.
#include "sim/host.h"

namespace bridle::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What QEMU says comes in order, as long as this connection lasts.
void Host::say(const Uuid& uuid, Body body) {
  auto found = links_.find(uuid);
  if (found == links_.end()) return;
  Link& link = found->second;
  link.last = std::max(link.last + Duration(1),
                       time_.now() + dice_.between(microseconds(20), milliseconds(3)));
  uint64_t life = life_;
  time_.at(link.last, [this, life, uuid, number = link.number, body = std::move(body)]() mutable {
    auto now = links_.find(uuid);
    if (life != life_ || now == links_.end() || now->second.number != number) return;
    step(std::move(body));
  });
}

void Host::drop_link(const Uuid& uuid) {
  auto found = links_.find(uuid);
  if (found == links_.end()) return;
  // After what QEMU said last.
  Duration delay = std::max(found->second.last - time_.now(), Duration(0)) + microseconds(10);
  uint64_t life = life_;
  uint64_t number = found->second.number;
  uint64_t boot = found->second.boot;
  time_.after(delay, [this, life, uuid, number, boot] {
    auto now = links_.find(uuid);
    if (life != life_ || now == links_.end() || now->second.number != number) return;
    links_.erase(now);
    step(fleet::MonitorDown{uuid, boot});
  });
}

void Host::act(const fleet::AttachMonitor& attach) {
  uint64_t life = life_;
  time_.after(dice_.between(microseconds(100), milliseconds(10)), [this, life, attach] {
    if (life != life_ || !brain_) return;
    Qemu* qemu = jail_.alive(attach.uuid);
    bool answers = qemu != nullptr && qemu->boot == attach.boot &&
                   qemu->monitor_at <= time_.now() && !(faults_ && dice_.one_in(15));
    if (!answers) return step(fleet::MonitorDown{attach.uuid, attach.boot});
    links_[attach.uuid] = {attach.boot, ++last_link_, time_.now()};
    if (qemu->prelaunch) qemu->paused = attach.hold;
    qemu->prelaunch = false;
    if (auto turn = turns_.find(attach.uuid); turn != turns_.end()) turn->second.up = time_.now();
    step(fleet::MonitorUp{attach.uuid, attach.boot, qemu->paused});
  });
}

void Host::act(const fleet::Monitor& command) {
  using fleet::MonitorVerb;
  switch (command.verb) {
    case MonitorVerb::powerdown:
      ledger_.covers(command.intent, "powerdown", {"stop"});
      if (auto turn = turns_.find(command.uuid);
          turn != turns_.end() && turn->second.asked == Tick{})
        turn->second.asked = time_.now();
      break;
    case MonitorVerb::stop:
      ledger_.covers(command.intent, "stop (pause)", {"pause"});
      break;
    case MonitorVerb::cont:
      ledger_.covers(command.intent, "cont", {"resume", "stop"});
      break;
    case MonitorVerb::reset:
      ledger_.covers(command.intent, "reset", {"reset"});
      break;
  }
  auto link = links_.find(command.uuid);
  if (link == links_.end())
    return deliver(fleet::MonitorReply{command.token, Error(Code::unreachable, "no connection")},
                   reply());
  uint64_t life = life_;
  time_.after(dice_.between(microseconds(10), milliseconds(2)), [this, life, command] {
    if (life == life_ && brain_) obey(command);
  });
}

void Host::obey(const fleet::Monitor& command) {
  Qemu* qemu = jail_.alive(command.uuid);
  auto link = links_.find(command.uuid);
  if (qemu == nullptr || qemu->boot != command.boot || link == links_.end())
    return deliver(fleet::MonitorReply{command.token, Error(Code::unreachable, "QEMU is gone")},
                   reply());
  if (faults_ && dice_.one_in(40))
    return say(command.uuid,
               fleet::MonitorReply{command.token, Error(Code::internal, "QEMU says no")});
  say(command.uuid, fleet::MonitorReply{command.token, command_result(*qemu, command.verb)});
}

Status Host::command_result(Qemu& qemu, fleet::MonitorVerb verb) {
  using fleet::MonitorNews;
  using fleet::MonitorVerb;
  if (verb == MonitorVerb::powerdown) power_button(qemu);
  if (verb == MonitorVerb::stop && !qemu.paused) {
    qemu.paused = true;
    say(qemu.uuid, fleet::MonitorEvent{qemu.uuid, qemu.boot, MonitorNews::stopped});
  }
  if (verb == MonitorVerb::cont && qemu.paused) {
    qemu.paused = false;
    say(qemu.uuid, fleet::MonitorEvent{qemu.uuid, qemu.boot, MonitorNews::resumed});
  }
  if (verb == MonitorVerb::reset) {
    qemu.booted_at = time_.now() + seconds(3);
    say(qemu.uuid, fleet::MonitorEvent{qemu.uuid, qemu.boot, MonitorNews::reset});
  }
  return {};
}

void Host::power_button(Qemu& qemu) {
  if (qemu.deaf || qemu.paused || qemu.booted_at > time_.now()) return;
  time_.after(dice_.between(milliseconds(100), seconds(3)),
              [this, uuid = qemu.uuid, boot = qemu.boot] {
                Qemu* still = jail_.alive(uuid);
                if (still == nullptr || still->boot != boot || still->paused) return;
                say(uuid, fleet::MonitorEvent{uuid, boot, fleet::MonitorNews::guest_off});
                jail_.die(*still, 0);
              });
}

}  // namespace bridle::sim
