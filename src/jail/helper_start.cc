// The worlds of image helpers (helper.h): everything here runs in forked children.
//
//   init    (host's user namespace, pid 1)  makes the root, and for "build" writes the id maps of:
//   inner   ("build" only; root of a user namespace, pid 1 of its own pid namespace)
//   helper  bridle-image-helper
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/log.h"
#include "jail/helper.h"
#include "jail/kernel_filter.h"
#include "jail/new_root.h"
#include "jail/process.h"

namespace bridle::jail {
namespace {

constexpr const char* program_in_root = "/bridle-image-helper";
constexpr uint64_t largest_file = uint64_t{64} << 30;
// Of a convert helper, for each of its processes.
constexpr uint64_t convert_memory = uint64_t{2} << 30;
constexpr uint64_t convert_seconds = 4 * 3600;
constexpr int init_namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
constexpr int build_namespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

struct World {
  int more_namespaces;
  uid_t uid;
  const char* scratch;
  Confined filter;
};

World world_of(const Layout& layout, HelperKind kind) {
  if (kind == HelperKind::fetch) return {0, layout.fetch_uid(), "size=256m", Confined::fetch};
  if (kind == HelperKind::build)
    return {CLONE_NEWNET, layout.build_uid(), "size=8g", Confined::build};
  if (kind == HelperKind::convert)
    return {CLONE_NEWNET, layout.convert_uid(), "size=16m", Confined::store};
  return {CLONE_NEWNET, layout.images_uid(), "size=64m", Confined::store};
}

Status take_if_there(NewRoot& root, const std::string& path, NewRoot::Access access) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return {};
  return root.take(path, path.substr(1), access);
}

Result<NewRoot> take_root(const Layout& layout, const HelperLaunch& launch) {
  using Access = NewRoot::Access;
  NewRoot root;
  BRIDLE_CHECK(root.take("/usr", "usr", Access::read_only));
  if (launch.kind == HelperKind::convert) {
    BRIDLE_CHECK(root.take(launch.program, program_in_root + 1, Access::read_only));
    return root;
  }
  BRIDLE_CHECK(root.take("/etc", "etc", Access::read_only));
  BRIDLE_CHECK(take_if_there(root, "/run/systemd/resolve", Access::read_only));
  BRIDLE_CHECK(root.take(launch.program, program_in_root + 1, Access::read_only));
  const std::string cache = layout.cache().substr(1);
  const bool fetch = launch.kind == HelperKind::fetch;
  BRIDLE_CHECK(root.take(layout.cache(), cache, fetch ? Access::writable : Access::read_only));
  if (launch.kind == HelperKind::build)
    BRIDLE_CHECK(root.take(layout.incoming(), layout.incoming().substr(1), Access::writable));
  if (launch.kind == HelperKind::store)
    BRIDLE_CHECK(root.take(layout.images(), layout.images().substr(1), Access::writable));
  BRIDLE_CHECK(root.take_given(launch.files, launch.uses));
  return root;
}

Status enter_root(NewRoot& root, const World& world, uid_t scratch_owner) {
  BRIDLE_CHECK(root.enter());
  BRIDLE_CHECK(root.make_scratch("tmp", world.scratch, scratch_owner));
  BRIDLE_CHECK(root.attach_taken());
  BRIDLE_CHECK(root.furnish());
  BRIDLE_CHECK(root.make_device("dev/full", 1, 7, 0666, 0));
  BRIDLE_CHECK(root.make_device("dev/random", 1, 8, 0666, 0));
  BRIDLE_CHECK(root.link("/proc/self/fd", "dev/fd"));
  BRIDLE_CHECK(root.make_folder("var/tmp", 01777, 0));
  BRIDLE_CHECK(root.mount_proc());
  return root.finish();
}

// Ends before the files are placed: its own descriptor may have the number of one of theirs.
Status place_standard_streams(const HelperLaunch& launch) {
  BRIDLE_TRY(const Fd null, open_file("/dev/null", O_RDWR));
  const bool output = !launch.files.empty() && launch.uses[0] == FileUse::inherit;
  const int out = output ? launch.files[0].get() : null.get();
  if (::dup2(null.get(), 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0)
    return errno_error("placing standard streams");
  return {};
}

Status place_files(const HelperLaunch& launch) {
  BRIDLE_CHECK(place_standard_streams(launch));
  std::vector<Placement> placements;
  for (size_t i = 0; i < launch.files.size(); ++i)
    if (launch.uses[i] == FileUse::inherit)
      placements.push_back({launch.files[i].get(), first_file_fd + static_cast<int>(i)});
  return place_descriptors(placements);
}

[[noreturn]] void fail(const Status& status) {
  log::error("an image helper cannot start", {{"error", status.error().message()}});
  ::_exit(126);
}

// In the last child: becomes the program.
Status execute(const HelperLaunch& launch) {
  reset_signals();
  std::vector<char*> argv = {const_cast<char*>(program_in_root)};
  for (const std::string& argument : launch.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const char* const environment[] = {"PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8", "HOME=/tmp",
                                     "TMPDIR=/tmp", nullptr};
  BRIDLE_CRASH_POINT("helper.exec");
  BRIDLE_HAND_ON_CRASH_POINTS();
  ::execve(program_in_root, argv.data(), const_cast<char* const*>(environment));
  return errno_error(program_in_root);
}

// What an init does: reaps until `child` ends, ends the same way.
[[noreturn]] void reap_until(pid_t child) {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, 0);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) ::_exit(125);
    if (pid == child) ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
}

// An init's last step: no rights are left, and it ends with the jail. (A change of uid forgets
// PR_SET_PDEATHSIG, hence again.)
Status settle_init(uid_t uid) {
  BRIDLE_CHECK(drop_privileges(uid));
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error("PR_SET_PDEATHSIG");
  return {};
}

[[noreturn]] void run_program(const HelperLaunch& launch, const World& world) {
  Fd pidfd;
  const auto pid = fork_into(0, pidfd);
  if (!pid) fail(pid.error());
  if (*pid == 0) {
    Status status = drop_privileges(world.uid);
    if (status.ok()) status = refuse_kernel_interfaces(world.filter);
    if (status.ok()) status = execute(launch);
    fail(status);
  }
  if (const Status status = settle_init(world.uid); !status.ok()) fail(status);
  reap_until(*pid);
}

// ---- build: root of a user namespace

// First process of the inner namespaces; waits until its ids are mapped.
Status become_inner_root(int maps_written) {
  char byte;
  if (::read(maps_written, &byte, 1) != 1)
    return Error(Code::internal, "the ids of the user namespace were not mapped");
  if (::syscall(SYS_setgroups, 0, nullptr) != 0) return errno_error("setgroups");
  if (::syscall(SYS_setresgid, 0, 0, 0) != 0) return errno_error("setresgid");
  if (::syscall(SYS_setresuid, 0, 0, 0) != 0) return errno_error("setresuid");
  BRIDLE_CHECK(set_no_new_privileges());
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error("PR_SET_PDEATHSIG");
  NewRoot root;
  return root.mount_proc();
}

[[noreturn]] void run_inner(const HelperLaunch& launch, int maps_written) {
  if (const Status status = become_inner_root(maps_written); !status.ok()) fail(status);
  Fd pidfd;
  const auto pid = fork_into(0, pidfd);
  if (!pid) fail(pid.error());
  if (*pid == 0) {
    Status status = refuse_kernel_interfaces(Confined::build);
    if (status.ok()) status = execute(launch);
    fail(status);
  }
  reap_until(*pid);
}

Status write_maps(pid_t pid, uid_t first) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string map =
      "0 " + std::to_string(first) + " " + std::to_string(Layout::ids_per_namespace);
  for (const char* name : {"/uid_map", "/gid_map"}) {
    BRIDLE_TRY(const Fd fd, open_file(folder + name, O_WRONLY));
    BRIDLE_CHECK(write_all(fd.get(), map).context(folder + name));
  }
  return {};
}

[[noreturn]] void run_in_user_namespace(const Layout& layout, const HelperLaunch& launch) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail(errno_error("pipe2"));
  Fd pidfd;
  const auto pid = fork_into(build_namespaces, pidfd);
  if (!pid) fail(pid.error());
  if (*pid == 0) run_inner(launch, ends[0]);
  if (const Status status = write_maps(*pid, layout.namespace_uid()); !status.ok()) fail(status);
  BRIDLE_CRASH_POINT("helper.mapped");
  if (::write(ends[1], "x", 1) != 1) fail(errno_error("telling the helper"));
  if (const Status status = settle_init(layout.build_uid()); !status.ok()) fail(status);
  reap_until(*pid);
}

// ---- init

Status become_init(const Layout& layout, HelperLaunch& launch, NewRoot& root, const World& world) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error("PR_SET_PDEATHSIG");
  ::prctl(PR_SET_NAME, "bridle-helper");
  ::setsid();
  BRIDLE_CHECK(join_groups(launch.groups));
  BRIDLE_CHECK(set_oom_score(200));
  const bool build = launch.kind == HelperKind::build;
  BRIDLE_CHECK(enter_root(root, world, build ? layout.namespace_uid() : world.uid));
  BRIDLE_CHECK(place_files(launch));
  ResourceLimits limits{.open_files = 4096, .file_size = largest_file};
  if (launch.kind == HelperKind::convert) {
    limits.data = convert_memory;
    limits.cpu_seconds = convert_seconds;
  }
  return set_resource_limits(limits);
}

}  // namespace

Result<pid_t> launch_helper(const Layout& layout, HelperLaunch launch, Fd& pidfd) {
  BRIDLE_TRY(NewRoot root, take_root(layout, launch));
  const World world = world_of(layout, launch.kind);
  BRIDLE_TRY(const pid_t pid, fork_into(init_namespaces | world.more_namespaces, pidfd));
  if (pid != 0) return pid;
  reset_signals();
  if (const Status status = become_init(layout, launch, root, world); !status.ok()) fail(status);
  if (launch.kind == HelperKind::build) run_in_user_namespace(layout, launch);
  run_program(launch, world);
}

}  // namespace bridle::jail
