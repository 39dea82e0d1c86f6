// Switches: the processes that switch the frames of each trust zone, and the life of each:
//
//   switch_start --> runs --its pidfd--> dead --back-off--> runs ...        switch_stop --> gone
//
// A dead one is started again: at once the first time, then after 100 ms to 5 s for one that keeps
// dying. A jail that begins adopts what run/s holds, by pid and start time; one that is not there
// any more is started. bridled has no part in any of it.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/layout.h"
#include "jail/cgroup.h"
#include "jail/loop.h"
#include "jail/ports.h"
#include "jail/protocol.h"
#include "jail/switch_start.h"

namespace bridle::jail {

class Switches {
 public:
  using Answer = std::function<void(const Reply&)>;
  // `program`: the path of bridle-switch.
  Switches(Loop& loop, const Layout& layout, Cgroups& cgroups, std::string program, Ports& ports);

  Status adopt();
  // REQUIRES of all: validated.
  void start(const Request& request, const Answer& answer);
  void stop(const Request& request, const Answer& answer);
  std::vector<Reply> list(uint64_t id) const;
  Status check_known(uint32_t zone) const;  // Code::not_found
  bool waits_for(pid_t pid) const;

 private:
  struct Switch {
    SwitchRecord record;
    Fd pidfd;   // none: dead, waits for its next start
    Fd errors;  // reading end of what it says
    Tick since;
    unsigned deaths = 0;  // ever
    unsigned deaths_in_a_row = 0;
    uint64_t timer = 0;
    uint64_t killer = 0;  // timer: SIGTERM was not enough
    Answer on_end;        // it is being ended for somebody
    std::string partial;  // of a line
    unsigned lines = 0;   // of this second
    Tick second;
  };

  std::string group_of(uint32_t zone) const;
  void describe(const Switch& it, Reply& reply) const;
  Status adopt_one(uint32_t zone);
  Status prepare(const Request& request, Switch& it);
  Status run(Switch& it);
  void run_again(uint32_t zone);
  Status watch(Switch& it);
  void ended(uint32_t zone);
  void end(Switch& it, Answer then);
  Status clear_away(uint32_t zone, bool forget);
  void finish_stop(const Request& request, const Answer& answer, int round);
  Status hear_errors(Switch& it);
  void read_errors(uint32_t zone);
  void say(Switch& it, const std::string& line);

  Loop& loop_;
  const Layout& layout_;
  Cgroups& cgroups_;
  std::string program_;
  Ports& ports_;
  SystemClock clock_;
  Uuid host_boot_;
  std::map<uint32_t, Switch> switches_;  // by zone
};

}  // namespace bridle::jail
