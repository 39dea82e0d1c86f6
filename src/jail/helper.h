// Image helpers: bridle-image-helper, run for bridled in one of four small worlds (HelperKind).
//
//   all     own pid, mount, ipc, uts namespaces; a root made of /usr and /etc read-only, /proc of
//           its own pid namespace, /dev/{null,zero,full,random,urandom}, a scratch tmpfs on /tmp;
//           bind files at /g/I; no_new_privs; no core dumps; cgroup "helpers"
//   fetch   the host's network, uid fetch; ROOT/cache writable
//   build   no network; root (all capabilities) of a user namespace with 65536 ids, whose mounts,
//           pids and network are its own: it may mount tmpfs and proc; ROOT/images/incoming
//           writable (files it leaves there belong to Layout::namespace_uid()), ROOT/cache
//           read-only
//   store   no network, uid images; ROOT/images writable, ROOT/cache read-only
//   convert no network, uid convert; nothing of ROOT: only the descriptors that come with the
//   order.
//           Bounded memory and CPU time. For files that strangers made (docs/import.md)
//
// ROOT's folders are at the same paths as on the host. argv[1..] are the strings of the memfd.
// A file with use "inherit" is descriptor 20 + I; descriptor 20, if there, is also stdout and
// stderr (progress lines); otherwise they are /dev/null.
//
// The process that the jail starts is a small init: it reaps, and ends as the helper ended (128 + N
// for signal N). Killing it kills all. A helper ends with the connection that asked for it, and
// with the jail.
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
#include "jail/protocol.h"

namespace bridle::jail {

struct HelperLaunch {
  HelperKind kind = HelperKind::store;
  std::string program;  // bridle-image-helper
  std::vector<std::string> arguments;
  std::vector<Fd> files;
  std::vector<FileUse> uses;
  std::vector<Fd> groups;
};

// Forks the init of a helper. pidfd names it.
Result<pid_t> launch_helper(const Layout& layout, HelperLaunch launch, Fd& pidfd);

class Helpers {
 public:
  using Answer = std::function<void(const Reply&)>;
  // `program` is the path of bridle-image-helper; `announce` takes Verb::exited for an owner.
  Helpers(Loop& loop, const Layout& layout, Cgroups& cgroups, std::string program,
          std::function<void(uint64_t owner, const Reply&)> announce);

  // REQUIRES: validated. `owner`: the connection it ends with.
  Status run(const Request& request, std::vector<Fd> descriptors, uint64_t owner, Reply& reply);
  bool knows(const Uuid& uuid) const { return helpers_.contains(uuid); }
  bool waits_for(pid_t pid) const;
  Status signal(const Request& request, Reply& reply);
  void end_all_of(uint64_t owner);

 private:
  struct Helper {
    pid_t pid = 0;
    Fd pidfd;
    uint64_t owner = 0;
    uint64_t generation = 0;
  };
  void ended(const Uuid& uuid);

  Loop& loop_;
  const Layout& layout_;
  Cgroups& cgroups_;
  std::string program_;
  std::function<void(uint64_t, const Reply&)> announce_;
  std::map<Uuid, Helper> helpers_;
};

}  // namespace bridle::jail
