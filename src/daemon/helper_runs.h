// HelperRuns: image helpers that run in the jail for bridled: their output cut into lines, their
// end told once. Whoever wants one gives its words, the descriptors that it finds from 21 on, and
// two callbacks.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "daemon/jail_link.h"
#include "daemon/loop.h"
#include "wire/json_lines.h"

namespace bridle::daemon {

class HelperRuns {
 public:
  using OnLine = std::function<void(const std::string&)>;
  using OnExit = std::function<void(int wait_status)>;  // as of waitpid(2)

  HelperRuns(Loop& loop, Random& random, JailLink& jail)
      : loop_(loop), random_(random), jail_(jail) {}

  // The helper's uuid. `exit` comes once, later; also when the jail goes down. The files are sent
  // before it returns.
  Uuid run(jail::HelperKind kind, const std::vector<std::string>& argv,
           const std::vector<int>& files, OnLine line, OnExit exit);
  void kill(const Uuid& uuid);

  bool runs(const Uuid& uuid) const { return helpers_.contains(uuid); }
  void exited(const jail::Answer& answer);
  void jail_down();

 private:
  struct Helper {
    Fd output;
    std::unique_ptr<Handle> readable;
    wire::LineBuffer lines{longest_line};
    OnLine line;
    OnExit exit;
  };
  static constexpr size_t longest_line = 64 << 10;

  Status start(const Uuid& uuid, jail::HelperKind kind, const std::vector<std::string>& argv,
               const std::vector<int>& files);
  bool read_output(const Uuid& uuid);  // true: there may be more
  void refused(const Uuid& uuid, const Error& error);

  Loop& loop_;
  Random& random_;
  JailLink& jail_;
  std::map<Uuid, Helper> helpers_;
};

}  // namespace bridle::daemon
