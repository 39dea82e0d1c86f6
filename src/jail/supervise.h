// The tiny supervisor: keeps bridle-jail and bridled running for one root, where no systemd does.
//
// A child that dies is started again: at once after 10 s of life, otherwise after a delay of 100 ms
// that doubles up to 5 s. SIGTERM and SIGINT end both children and then the supervisor; guests run
// on. Children die with their supervisor, so that a new one never meets old ones.
//
// Thread class: one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/layout.h"
#include "base/result.h"
#include "jail/loop.h"

namespace bridle::jail {

// How long to wait before the next start, pure: REQUIRES deaths >= 1, the starts that failed in a
// row.
Duration restart_delay(unsigned deaths);

// In a fresh child: becomes bridled of `layout`, `program` its path. It gets bridled's uid and no
// right, no descriptor but the standard streams, no core dump (it holds keys), and the system call
// filter. Returns only when something failed. REQUIRES: root.
Status become_daemon(const Layout& layout, const std::string& program);

class Supervisor {
 public:
  // `folder` holds the programs bridle-jail and bridled.
  Supervisor(Loop& loop, const Layout& layout, std::string folder);
  ~Supervisor();

  Status start_all();
  // Ends all children, waits for them.
  void stop_all();

 private:
  struct Child {
    std::string name;  // the program, and run/NAME.pid without "bridle-"
    bool unprivileged = false;
    pid_t pid = 0;
    Fd pidfd;
    Tick since;
    unsigned deaths = 0;
  };
  Status start(Child& child);
  void start_again(Child& child);
  void died(Child& child);
  [[noreturn]] void become(const Child& child, pid_t supervisor);

  Loop& loop_;
  const Layout& layout_;
  std::string folder_;
  SystemClock clock_;
  bool stopping_ = false;
  std::vector<Child> children_;
};

}  // namespace bridle::jail
