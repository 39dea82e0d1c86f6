#include "jail/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/crash_point.h"
#include "base/file.h"

namespace bridle::jail {

Result<pid_t> fork_into(int namespaces, Fd& pidfd) {
  int fd = -1;
  BRIDLE_CRASH_POINT("process.clone");
  const long pid =
      ::syscall(SYS_clone, namespaces | CLONE_PIDFD | SIGCHLD, nullptr, &fd, nullptr, nullptr);
  if (pid < 0) return errno_error("clone");
  if (pid > 0) pidfd.reset(fd);
  if (pid > 0) BRIDLE_CRASH_POINT("process.cloned");
  if (pid == 0) BRIDLE_CRASH_POINT("process.child");
  return static_cast<pid_t>(pid);
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Status join_groups(const std::vector<Fd>& entrances) {
  for (const Fd& entrance : entrances)
    BRIDLE_CHECK(write_all(entrance.get(), "0").context("joining a cgroup"));
  return {};
}

Status set_oom_score(int score) {
  BRIDLE_TRY(const Fd fd, open_file("/proc/self/oom_score_adj", O_WRONLY));
  return write_all(fd.get(), std::to_string(score)).context("oom_score_adj");
}

void prefer_survival(int score) { (void)set_oom_score(score).ok(); }

void raise_open_files(uint64_t wanted) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlimit raised{wanted, std::max<rlim_t>(wanted, files.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  files.rlim_cur = std::min<rlim_t>(wanted, files.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &files);
}

Status set_resource_limits(const ResourceLimits& limits) {
  BRIDLE_CHECK(refuse_core_dumps());
  const std::pair<int, rlim_t> values[] = {{RLIMIT_NOFILE, limits.open_files},
                                           {RLIMIT_FSIZE, limits.file_size},
                                           {RLIMIT_DATA, limits.data},
                                           {RLIMIT_CPU, limits.cpu_seconds},
                                           {RLIMIT_MSGQUEUE, 0},
                                           {RLIMIT_RTPRIO, 0},
                                           {RLIMIT_NICE, 0}};
  for (const auto& [resource, value] : values) {
    const rlimit both{value, value};
    if (::setrlimit(static_cast<__rlimit_resource>(resource), &both) != 0)
      return errno_error("setrlimit");
  }
  return {};
}

Status refuse_core_dumps() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return errno_error("setrlimit");
  return {};
}

Status set_no_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("no_new_privs");
  return {};
}

Status drop_privileges(uid_t uid) {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return errno_error("dropping a capability from the bounding set");
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::syscall(SYS_setgroups, 0, nullptr) != 0) return errno_error("setgroups");
  if (::syscall(SYS_setresgid, uid, uid, uid) != 0) return errno_error("setresgid");
  if (::syscall(SYS_setresuid, uid, uid, uid) != 0) return errno_error("setresuid");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct nothing[2] = {};
  if (::syscall(SYS_capset, &header, nothing) != 0) return errno_error("capset");
  return set_no_new_privileges();
}

Status place_descriptors(const std::vector<Placement>& placements) {
  std::vector<int> copies;
  for (const Placement& placement : placements) {
    const int copy = ::fcntl(placement.source, F_DUPFD_CLOEXEC, 256);
    if (copy < 0) return errno_error("moving a descriptor");
    copies.push_back(copy);
  }
  if (::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0) return errno_error("close_range");
  for (size_t i = 0; i < placements.size(); ++i)
    if (::dup2(copies[i], placements[i].target) < 0) return errno_error("placing a descriptor");
  return {};
}

Status place_standard_streams(const std::string& errors) {
  BRIDLE_TRY(const Fd null, open_file("/dev/null", O_RDONLY));
  BRIDLE_TRY(const Fd fifo, open_file(errors, O_RDWR | O_NONBLOCK | O_NOFOLLOW));
  if (::dup2(null.get(), 0) < 0 || ::dup2(fifo.get(), 1) < 0 || ::dup2(fifo.get(), 2) < 0)
    return errno_error("placing standard streams");
  return {};
}

Status check_inheritable(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat");
  if (S_ISDIR(st.st_mode)) return Error(Code::refused, "a folder may not be inherited");
  return {};
}

Result<uint64_t> start_time_of(pid_t pid) {
  BRIDLE_TRY(const std::string stat, read_file("/proc/" + std::to_string(pid) + "/stat", 4096));
  size_t at = stat.rfind(')');  // a name may hold blanks and parentheses
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return Error(Code::corrupt, "/proc/PID/stat has too few fields");
  return std::strtoull(stat.c_str() + at + 1, nullptr, 10);
}

Result<Fd> open_process(const ProcessId& id) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(id.pid), 0)));
  if (id.pid == 0 || !pidfd) return Error(Code::not_found, "the process is gone");
  const auto start_time = start_time_of(static_cast<pid_t>(id.pid));
  if (!start_time || *start_time != id.start_time)
    return Error(Code::not_found, "its pid belongs to another process now");
  return pidfd;
}

uint64_t cpu_ns_of(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/schedstat", 256);
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

ProcessIo io_of(pid_t pid) {
  ProcessIo io;
  const auto text = read_file("/proc/" + std::to_string(pid) + "/io", 4096);
  if (!text) return io;
  const auto value = [&](const char* key) -> uint64_t {
    const size_t at = text->find(key);
    if (at == std::string::npos) return 0;
    return std::strtoull(text->c_str() + at + std::string_view(key).size(), nullptr, 10);
  };
  io.read_bytes = value("\nread_bytes: ");
  io.write_bytes = value("\nwrite_bytes: ");
  return io;
}

bool signal_process(int pidfd, int signal_number) {
  BRIDLE_CRASH_POINT("process.signal");
  return ::syscall(SYS_pidfd_send_signal, pidfd, signal_number, nullptr, 0) == 0;
}

bool has_ended(int pidfd) {
  pollfd poll{pidfd, POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1 && (poll.revents & POLLIN) != 0;
}

std::optional<int> reap(int pidfd) {
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info,
               WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0)
    return std::nullopt;
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

Result<Uuid> host_boot_id() {
  BRIDLE_TRY(const std::string text, read_file("/proc/sys/kernel/random/boot_id", 64));
  return Uuid::parse(std::string_view(text).substr(0, 36));
}

Result<std::string> own_folder() {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return errno_error("/proc/self/exe");
  const std::string_view text(path, static_cast<size_t>(size));
  return std::string(text.substr(0, text.rfind('/')));
}

}  // namespace bridle::jail
