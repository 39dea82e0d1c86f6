// Timers: one alarm an owner ("machine/lab/web"), set to the nearest of its deadlines; when it
// rings the owner is touched. Loops say after each look what they wait for; nothing leaks.
// Thread class: the controller's.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "fleet/context.h"
#include "fleet/objects.h"

namespace bridle::fleet {

class Timers {
 public:
  Timers(Context& context, Objects& objects) : context_(context), objects_(objects) {}

  // Empty: no alarm. The same time again is nothing.
  void want(const std::string& owner, std::optional<Tick> at);
  bool on(const TimerFired& fired);
  size_t size() const { return alarms_.size(); }

 private:
  struct Alarm {
    Token token;
    Tick at;
  };
  Context& context_;
  Objects& objects_;
  std::map<std::string, Alarm> alarms_;
  std::map<Token, std::string> owners_;
};

}  // namespace bridle::fleet
