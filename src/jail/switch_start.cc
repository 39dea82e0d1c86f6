#include "jail/switch_start.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crash_point.h"
#include "base/file.h"
#include "jail/kernel_filter.h"
#include "jail/new_root.h"
#include "jail/process.h"
#include "wire/port_record.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

constexpr const char* program_in_root = "/bridle-switch";
constexpr int namespaces = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
// Before it, guests go: without it none of them has a network.
constexpr int oom_score = -300;
constexpr uint64_t open_files = 16384;                // guests' memory and sockets
constexpr uint64_t largest_file = uint64_t{4} << 30;  // a capture; its state is some MiB

struct Listeners {
  Fd control, jail;
};

Result<Listeners> listen_for(const Layout& layout, uint32_t zone) {
  Listeners out;
  const std::string folder = layout.switch_run(zone);
  const int type = SOCK_STREAM | SOCK_NONBLOCK;
  BRIDLE_TRY(out.control, wire::listen_unix(folder + "/control.sock", type, 0600));
  const uid_t owner = layout.daemon_uid();
  if (::lchown((folder + "/control.sock").c_str(), owner, owner) != 0) return errno_error(folder);
  BRIDLE_TRY(out.jail,
             wire::listen_unix(folder + "/jail.sock", SOCK_SEQPACKET | SOCK_NONBLOCK, 0600));
  return out;
}

Status give_folder(const std::string& folder, uid_t uid) {
  BRIDLE_CHECK(make_folder(folder, 0700));
  BRIDLE_TRY(const Fd fd, open_file(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (::fchown(fd.get(), uid, uid) != 0 || ::fchmod(fd.get(), 0700) != 0)
    return errno_error(folder);
  return {};
}

bool has_huge_pages() {
  const auto reserved = read_file("/proc/sys/vm/nr_hugepages", 32);
  return reserved.ok() && std::strtoull(reserved->c_str(), nullptr, 10) > 0;
}

Result<NewRoot> take_root(const Layout& layout, const SwitchLaunch& launch) {
  using Access = NewRoot::Access;
  NewRoot root;
  BRIDLE_CHECK(root.take("/usr", "usr", Access::read_only));
  BRIDLE_CHECK(root.take(launch.program, program_in_root + 1, Access::read_only));
  BRIDLE_CHECK(root.take(layout.guests(), wire::switch_guests_folder + 1, Access::read_only));
  BRIDLE_CHECK(
      root.take(layout.switch_run(launch.zone), wire::switch_run_folder + 1, Access::read_only));
  BRIDLE_CHECK(
      root.take(layout.switch_state(launch.zone), wire::switch_state_folder + 1, Access::writable));
  return root;
}

Status enter_root(NewRoot& root, uid_t uid) {
  const bool pages = has_huge_pages();
  BRIDLE_CHECK(root.enter());
  BRIDLE_CHECK(root.make_scratch("tmp", "size=16m", uid));
  BRIDLE_CHECK(root.attach_taken());
  BRIDLE_CHECK(root.furnish());
  BRIDLE_CHECK(root.mount_proc());
  // DPDK asks there whether a module is loaded, and does not start where it cannot ask.
  BRIDLE_CHECK(root.make_folder("sys/module", 0755, 0));
  if (pages) BRIDLE_CHECK(root.mount_huge_pages(wire::switch_pages_folder + 1, uid));
  return root.finish();
}

Status execute() {
  const std::string control = std::to_string(wire::switch_control_fd);
  const std::string jail = std::to_string(wire::switch_jail_fd);
  const char* const arguments[] = {program_in_root, "--folder",      wire::switch_state_folder,
                                   "--control",     control.c_str(), "--jail",
                                   jail.c_str(),    nullptr};
  const char* const environment[] = {"PATH=/usr/bin", "LC_ALL=C", "HOME=/tmp", "TMPDIR=/tmp",
                                     nullptr};
  BRIDLE_CRASH_POINT("switch.exec");
  BRIDLE_HAND_ON_CRASH_POINTS();
  ::execve(program_in_root, const_cast<char* const*>(arguments),
           const_cast<char* const*>(environment));
  return errno_error("executing bridle-switch");
}

// In the child that becomes the switch; returns only when something failed. Until it drops root it
// dies with the jail; afterwards it never does (a change of uid resets that).
Status become_switch(const Layout& layout, const SwitchLaunch& launch, NewRoot& root,
                     const Listeners& listeners) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error("PR_SET_PDEATHSIG");
  const uid_t uid = layout.switch_uid(launch.zone);
  BRIDLE_CHECK(join_groups(launch.groups));
  prefer_survival(oom_score);
  ::setsid();
  BRIDLE_CHECK(place_standard_streams(layout.switch_run(launch.zone) + "/errors"));
  BRIDLE_CHECK(enter_root(root, uid));
  BRIDLE_CHECK(place_descriptors({{listeners.control.get(), wire::switch_control_fd},
                                  {listeners.jail.get(), wire::switch_jail_fd}}));
  BRIDLE_CHECK(set_resource_limits({.open_files = open_files, .file_size = largest_file}));
  BRIDLE_CHECK(drop_privileges(uid));
  BRIDLE_CHECK(refuse_kernel_interfaces(Confined::guest));
  reset_signals();
  return execute();
}

[[noreturn]] void start_child(const Layout& layout, const SwitchLaunch& launch, NewRoot& root,
                              const Listeners& listeners, int failures) {
  const Status status = become_switch(layout, launch, root, listeners);
  const std::string& why = status.error().message();
  // No crash point: the start has failed already, and this process ends here.
  [[maybe_unused]] const ssize_t n =
      ::write(failures, why.data(), std::min<size_t>(why.size(), 300));
  ::_exit(127);
}

// Waits for the exec, which closes the pipe. What comes instead says what failed.
Status await_exec(int reader) {
  char why[300];
  pollfd poll{reader, POLLIN, 0};
  if (::poll(&poll, 1, 10'000) != 1)
    return Error(Code::exhausted, "bridle-switch was not executed within 10 s");
  const ssize_t size = ::read(reader, why, sizeof why);
  if (size > 0) return Error(Code::internal, std::string(why, static_cast<size_t>(size)));
  return {};
}

}  // namespace

Status make_switch_folders(const Layout& layout, uint32_t zone) {
  const std::string folder = layout.switch_run(zone);
  BRIDLE_CHECK(make_folder(folder, 0711));
  BRIDLE_CRASH_POINT("switch.errors");
  if (::mkfifo((folder + "/errors").c_str(), 0600) != 0 && errno != EEXIST)
    return errno_error(folder + "/errors");
  return give_folder(layout.switch_state(zone), layout.switch_uid(zone));
}

Result<Fd> open_switch_errors(const Layout& layout, uint32_t zone) {
  return open_file(layout.switch_run(zone) + "/errors", O_RDWR | O_NONBLOCK | O_NOFOLLOW);
}

Result<RunningSwitch> launch_switch(const Layout& layout, SwitchLaunch launch) {
  BRIDLE_TRY(NewRoot root, take_root(layout, launch));
  BRIDLE_TRY(const Listeners listeners, listen_for(layout, launch.zone));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe2");
  const Fd reader(ends[0]);
  Fd low(ends[1]);
  Fd writer(::fcntl(low.get(), F_DUPFD_CLOEXEC, 512));  // above every number that it gets
  if (!writer) return errno_error("moving a descriptor");
  RunningSwitch out;
  BRIDLE_TRY(const pid_t pid, fork_into(namespaces, out.pidfd));
  if (pid == 0) start_child(layout, launch, root, listeners, writer.get());
  writer.reset();
  low.reset();
  if (Status executed = await_exec(reader.get()); !executed.ok()) {
    signal_process(out.pidfd.get(), SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::move(executed).error();
  }
  BRIDLE_TRY(const uint64_t start_time, start_time_of(pid));
  out.id = {static_cast<uint32_t>(pid), start_time};
  return out;
}

}  // namespace bridle::jail
