#include "jail/guest_start.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/crash_point.h"
#include "base/file.h"
#include "jail/kernel_filter.h"
#include "jail/new_root.h"
#include "jail/process.h"
#include "jail/tpm_start.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

constexpr const char* qemu_path = "/usr/bin/qemu-system-x86_64";
constexpr int guest_namespaces =
    CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
// When memory runs out guests go first, attendants late; the jail itself last.
constexpr int guest_oom_score = 300;
constexpr int attendant_oom_score = -500;
constexpr unsigned kvm_major = 10, kvm_minor = 232;

Result<NewRoot> take_root(const GuestLaunch& launch) {
  NewRoot root;
  BRIDLE_CHECK(root.take("/usr", "usr", NewRoot::Access::read_only));
  BRIDLE_CHECK(root.take_given(launch.files, launch.uses));
  return root;
}

Status enter_root(NewRoot& root, bool use_kvm, uid_t uid) {
  BRIDLE_CHECK(root.enter());
  BRIDLE_CHECK(root.attach_taken());
  BRIDLE_CHECK(root.furnish());
  if (use_kvm) BRIDLE_CHECK(root.make_device("dev/kvm", kvm_major, kvm_minor, 0600, uid));
  return root.finish();
}

std::vector<Placement> placements_of(const GuestLaunch& launch) {
  std::vector<Placement> out = {{launch.sockets.monitor.get(), monitor_fd},
                                {launch.sockets.serial.get(), serial_fd},
                                {launch.sockets.agent.get(), agent_fd}};
  for (size_t i = 0; i < launch.sockets.interfaces.size(); ++i)
    out.push_back({launch.sockets.interfaces[i].get(), first_interface_fd + static_cast<int>(i)});
  for (size_t i = 0; i < launch.files.size(); ++i)
    if (launch.uses[i] != FileUse::bind)
      out.push_back({launch.files[i].get(), first_file_fd + static_cast<int>(i)});
  return out;
}

Status execute(const std::vector<std::string>& arguments) {
  std::vector<char*> argv = {const_cast<char*>(qemu_path)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const char* const environment[] = {"PATH=/usr/bin", "LC_ALL=C", "HOME=/", "MALLOC_ARENA_MAX=1",
                                     nullptr};
  BRIDLE_CRASH_POINT("guest.exec");
  ::execve(qemu_path, argv.data(), const_cast<char* const*>(environment));
  return errno_error(qemu_path);
}

// Soft, so that it can be raised without a capability (guests.cc); the filter of system calls keeps
// QEMU from raising it.
Status bound_files(uint64_t bytes) {
  const rlimit bound{bytes == 0 ? RLIM_INFINITY : bytes, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &bound) != 0) return errno_error("setrlimit");
  return {};
}

// In the child that becomes QEMU; returns only when something failed. Until it drops root the
// child dies with its parent; afterwards it never does (a change of uid resets that).
Status become_qemu(const Layout& layout, const std::string& folder, GuestLaunch& launch,
                   NewRoot& root) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error("PR_SET_PDEATHSIG");
  const uid_t uid = layout.guest_uid(launch.slot);
  BRIDLE_CHECK(join_groups(launch.guest_groups));
  BRIDLE_CHECK(set_oom_score(guest_oom_score));
  ::setsid();
  BRIDLE_CHECK(place_standard_streams(folder + "/errors"));
  const std::vector<Placement> placements = placements_of(launch);
  BRIDLE_CHECK(enter_root(root, launch.use_kvm, uid));
  BRIDLE_CHECK(place_descriptors(placements));
  BRIDLE_CHECK(set_resource_limits({.open_files = 1024}));
  BRIDLE_CHECK(bound_files(launch.file_size));
  BRIDLE_CHECK(drop_privileges(uid));
  BRIDLE_CHECK(refuse_kernel_interfaces(Confined::guest));
  reset_signals();
  ::signal(SIGXFSZ, SIG_IGN);  // a write beyond the bound is the guest's disk error, not its end
  return execute(launch.arguments);
}

struct Failure {
  int32_t code;
  char message[192];
};

void copy_text(char (&to)[192], const std::string& from) {
  const size_t size = std::min(from.size(), sizeof to - 1);
  std::memcpy(to, from.data(), size);
  to[size] = '\0';
}

struct Started {
  pid_t pid = 0;
  uint64_t start_time = 0;
  Fd pidfd;
  ProcessId tpm;
  Fd tpm_pidfd;
};

// Starts QEMU and waits until it has been executed.
Result<Started> start_qemu(const Layout& layout, const std::string& folder, GuestLaunch& launch) {
  BRIDLE_TRY(NewRoot root, take_root(launch));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe2");
  Fd reader(ends[0]);
  Fd low(ends[1]);
  Fd writer(::fcntl(low.get(), F_DUPFD_CLOEXEC, 512));  // above every number that QEMU gets
  if (!writer) return errno_error("moving a descriptor");
  Started started;
  BRIDLE_TRY(started.pid, fork_into(guest_namespaces, started.pidfd));
  if (started.pid == 0) {
    const Status status = become_qemu(layout, folder, launch, root);
    Failure failure{static_cast<int32_t>(status.error().code()), {}};
    copy_text(failure.message, status.error().message());
    const auto bytes = wire::bytes_of(failure);
    // No crash point: the start has failed already, and this process ends here.
    [[maybe_unused]] const ssize_t n = ::write(writer.get(), bytes.data(), bytes.size());
    ::_exit(127);
  }
  writer.reset();
  low.reset();
  Failure failure{};
  const ssize_t n = ::read(reader.get(), &failure, sizeof failure);
  if (n == 0) {
    BRIDLE_TRY(started.start_time, start_time_of(started.pid));
    return started;
  }
  signal_process(started.pidfd.get(), SIGKILL);
  ::waitpid(started.pid, nullptr, 0);
  failure.message[sizeof failure.message - 1] = '\0';
  return Error(static_cast<Code>(failure.code), failure.message);
}

// The TPM comes first; QEMU inherits its socket where the key was.
Result<Started> start_both(const Layout& layout, const Uuid& uuid, GuestLaunch& launch) {
  Tpm tpm;
  for (size_t i = 0; i < launch.files.size(); ++i) {
    if (launch.uses[i] != FileUse::tpm_key) continue;
    BRIDLE_TRY(tpm, start_tpm(layout, uuid, {launch.slot, launch.files[i], launch.guest_groups}));
    launch.files[i] = std::move(tpm.socket);
  }
  BRIDLE_TRY(Started started, start_qemu(layout, layout.guest(uuid), launch));
  started.tpm = tpm.id;
  started.tpm_pidfd = std::move(tpm.pidfd);
  return started;
}

Status send_report(int socket, const Result<Started>& started) {
  StartReport report{};
  if (!started) {
    report.error = static_cast<int32_t>(started.error().code()) + 1;
    copy_text(report.message, started.error().message());
    return wire::send_packet(socket, wire::bytes_of(report));
  }
  report.pid = static_cast<uint32_t>(started->pid);
  report.start_time = started->start_time;
  report.tpm_pid = started->tpm.pid;
  report.tpm_start_time = started->tpm.start_time;
  const int pidfd = started->pidfd.get();
  return wire::send_packet(socket, wire::bytes_of(report), std::span(&pidfd, 1));
}

AttendantTask task_of(const Layout& layout, const Uuid& uuid, uint32_t slot, AttendantFiles files) {
  AttendantTask task;
  task.folder = layout.guest(uuid);
  task.uid = layout.attendant_uid(slot);
  task.listener = std::move(files.listener);
  task.ring = std::move(files.ring);
  task.exit_note = std::move(files.exit_note);
  task.errors = std::move(files.errors);
  return task;
}

// What an attendant does first, whether QEMU runs already or not.
Status settle(const std::vector<Fd>& groups) {
  ::setsid();
  prefer_survival(attendant_oom_score);
  return join_groups(groups);
}

[[noreturn]] void start_and_attend(const Layout& layout, const Uuid& uuid, GuestLaunch launch,
                                   int report) {
  reset_signals();
  Result<Started> started = Error(Code::internal, "not started");
  if (const Status settled = settle(launch.attendant_groups); settled.ok())
    started = start_both(layout, uuid, launch);
  else
    started = settled.error();
  BRIDLE_CRASH_POINT("guest.report");
  const bool told = send_report(report, started).ok();
  if (!started) ::_exit(1);
  if (!told) {  // the jail died meanwhile: nobody knows this guest
    signal_process(started->pidfd.get(), SIGKILL);
    ::_exit(1);
  }
  BRIDLE_CRASH_POINT("guest.reported");
  AttendantTask task = task_of(layout, uuid, launch.slot, std::move(launch.attendant));
  task.qemu_pid = static_cast<uint32_t>(started->pid);
  task.qemu = std::move(started->pidfd);
  task.tpm = std::move(started->tpm_pidfd);
  attend(std::move(task));
}

Result<Attending> attending(pid_t pid, Fd pidfd, Fd report) {
  Attending out;
  BRIDLE_TRY(const uint64_t start_time, start_time_of(pid));
  out.id = {static_cast<uint32_t>(pid), start_time};
  out.pidfd = std::move(pidfd);
  out.report = std::move(report);
  return out;
}

}  // namespace

Result<Attending> launch_guest(const Layout& layout, const Uuid& uuid, GuestLaunch launch) {
  BRIDLE_TRY(wire::Pair pair, wire::socket_pair(SOCK_SEQPACKET));
  Fd pidfd;
  BRIDLE_TRY(const pid_t pid, fork_into(0, pidfd));
  if (pid == 0) {
    pair.first.reset();
    start_and_attend(layout, uuid, std::move(launch), pair.second.get());
  }
  return attending(pid, std::move(pidfd), std::move(pair.first));
}

Result<Attending> replace_attendant(const Layout& layout, const Record& record, const Fd& qemu,
                                    AttendantFiles files, std::vector<Fd> attendant_groups) {
  Fd pidfd;
  BRIDLE_TRY(const pid_t pid, fork_into(0, pidfd));
  if (pid == 0) {
    reset_signals();
    if (!settle(attendant_groups).ok()) ::_exit(1);
    AttendantTask task = task_of(layout, record.uuid, record.slot, std::move(files));
    task.qemu_pid = record.qemu.pid;
    task.qemu = Fd(::fcntl(qemu.get(), F_DUPFD_CLOEXEC, 3));
    attend(std::move(task));
  }
  return attending(pid, std::move(pidfd), Fd());
}

}  // namespace bridle::jail
