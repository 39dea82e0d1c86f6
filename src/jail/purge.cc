// The end of everything that runs for a root (prepare.h).
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/log.h"
#include "jail/cgroup.h"
#include "jail/guest_start.h"
#include "jail/nat.h"
#include "jail/net_space.h"
#include "jail/prepare.h"
#include "jail/process.h"

namespace bridle::jail {
namespace {

std::vector<pid_t> everyone(Cgroups& cgroups) {
  std::vector<pid_t> all;
  for (const std::string& group : cgroups.groups())
    for (const pid_t pid : cgroups.members(group)) all.push_back(pid);
  return all;
}

void ask_guests_to_end(const Layout& layout) {
  const auto names = list_folder(layout.guests());
  if (!names) return;
  for (const std::string& name : *names) {
    const auto record = read_record(layout.guests() + "/" + name);
    if (!record) continue;
    if (const auto qemu = open_process(record->qemu)) signal_process(qemu->get(), SIGTERM);
  }
}

// Waits while anyone is left, at most `milliseconds`.
void wait_for_end(Cgroups& cgroups, int milliseconds) {
  for (int waited = 0; waited < milliseconds; waited += 10) {
    if (everyone(cgroups).empty()) return;
    ::usleep(10'000);
  }
}

// Guests' groups first: an attendant ends by itself when its QEMU has.
void kill_everyone(Cgroups& cgroups) {
  for (const pid_t pid : everyone(cgroups)) ::kill(pid, SIGKILL);
}

// Nothing that they know is not on their disk.
void kill_switches(Cgroups& cgroups) {
  for (const pid_t pid : cgroups.members("switches")) ::kill(pid, SIGKILL);
}

// Sockets, locks, and pid files, also one that a killed program was just writing.
Status remove_own_files(const std::string& folder) {
  BRIDLE_TRY(const auto names, list_folder(folder));
  for (const std::string& name : names)
    for (const char* own : {"jail.", "bridled.", "supervise."})
      if (name.starts_with(own)) BRIDLE_CHECK(remove_file(folder + "/" + name));
  return {};
}

// Namespaces are kept by mounts: those first.
Status purge_switches(const Layout& layout) {
  BRIDLE_CHECK(Nat::purge(layout));
  const auto zones = list_folder(layout.switches());
  if (!zones) return {};
  for (const std::string& zone : *zones) {
    const std::string folder = layout.switches() + "/" + zone;
    BRIDLE_TRY(const auto names, list_folder(folder));
    for (const std::string& name : names)
      if (name.starts_with("nat.")) BRIDLE_CHECK(remove_space(folder + "/" + name));
  }
  return remove_tree(layout.switches());
}

}  // namespace

Status purge(const Layout& layout) {
  if (::access(layout.root().c_str(), F_OK) != 0) return {};
  BRIDLE_CHECK(make_folder(layout.run(), 0755));
  BRIDLE_TRY(const Fd lock, lock_file(layout.run() + "/jail.lock", 5));
  SystemCgroupFs fs;
  BRIDLE_TRY(const auto cgroups, open_cgroups(fs, layout.cgroup()));
  // Asked again each second: a QEMU that is just starting has no handler yet, and the first process
  // of a pid namespace ignores what it does not handle.
  for (int round = 0; round == 0 || !everyone(*cgroups).empty(); ++round) {
    if (round == 8) return Error(Code::internal, "some processes do not end");
    if (round < 5) ask_guests_to_end(layout);
    kill_switches(*cgroups);
    if (round >= 5) kill_everyone(*cgroups);
    wait_for_end(*cgroups, 1000);
  }
  BRIDLE_CHECK(cgroups->remove_all());
  BRIDLE_CHECK(purge_switches(layout));
  BRIDLE_CHECK(remove_tree(layout.guests()));
  BRIDLE_CHECK(remove_own_files(layout.run()));
  BRIDLE_CRASH_POINT("purge.rmdir");
  if (::rmdir(layout.run().c_str()) != 0)
    log::warning("the runtime folder is not empty", {{"path", layout.run()}});
  return {};
}

}  // namespace bridle::jail
