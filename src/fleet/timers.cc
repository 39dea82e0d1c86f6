#include "fleet/timers.h"

namespace bridle::fleet {

void Timers::want(const std::string& owner, std::optional<Tick> at) {
  auto found = alarms_.find(owner);
  if (found != alarms_.end()) {
    if (at && found->second.at == *at) return;
    context_.act(CancelTimer{found->second.token});
    owners_.erase(found->second.token);
    alarms_.erase(found);
  }
  if (!at) return;
  Alarm alarm{context_.token(), *at};
  context_.act(SetTimer{alarm.token, alarm.at});
  owners_[alarm.token] = owner;
  alarms_[owner] = alarm;
}

bool Timers::on(const TimerFired& fired) {
  auto found = owners_.find(fired.token);
  if (found == owners_.end()) return false;
  objects_.touch(found->second);
  alarms_.erase(found->second);
  owners_.erase(found);
  return true;
}

}  // namespace bridle::fleet
