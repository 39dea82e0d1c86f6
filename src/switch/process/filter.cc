#include "switch/process/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace bridle::net {
namespace {

// argument < 0: any. Otherwise that argument must equal `equals` under `mask`.
struct Allowed {
  long call;
  const char* reason;
  int argument = -1;
  uint32_t mask = ~0u;
  uint32_t equals = 0;
};

constexpr Allowed allowed[] = {
    {SYS_read, "timer, eventfds, the signal descriptor"},
    {SYS_write, "eventfds, logs, captures, the state file"},
    {SYS_readv, "TAP"},
    {SYS_writev, "TAP"},
    {SYS_recvmmsg, "datagram and packet sockets"},
    {SYS_sendmmsg, "datagram and packet sockets"},
    {SYS_recvmsg, "control, jail, vhost-user"},
    {SYS_sendmsg, "vhost-user messages with descriptors"},
    {SYS_recvfrom, "vhost-user messages, AF_XDP's kick"},
    {SYS_sendto, "answers, AF_XDP's kick"},
    {SYS_socket, "vhost-user: to reach guests", 0, ~0u, AF_UNIX},
    {SYS_connect, "vhost-user: to reach guests"},
    {SYS_bind, "vhost-user: a port's socket in the own folder"},
    {SYS_listen, "vhost-user: a port's socket in the own folder"},
    {SYS_accept, "vhost-user"},
    {SYS_accept4, "control, jail"},
    {SYS_getsockopt, "what the jail handed over; peers"},
    {SYS_setsockopt, "what the jail handed over"},
    {SYS_getsockname, "where a packet socket is bound"},
    {SYS_ioctl, "TAP, links of packet sockets"},
    {SYS_fcntl, "non-blocking, seals"},
    {SYS_close, "everything"},
    {SYS_dup, "kick descriptors"},
    {SYS_fstat, "files behind descriptors"},
    {SYS_newfstatat, "the same, on newer C libraries"},
    {SYS_openat, "the state file and its folder"},
    {SYS_lseek, "the state file"},
    {SYS_fsync, "the state file"},
    {SYS_fdatasync, "the state file"},
    {SYS_rename, "the state file"},
    {SYS_renameat, "the state file, on newer C libraries"},
    {SYS_fchmod, "the state file"},
    {SYS_unlink, "vhost-user: a port's socket"},
    {SYS_epoll_create1, "workers, vhost-user ports"},
    {SYS_epoll_ctl, "all loops"},
    {SYS_epoll_wait, "all loops"},
    {SYS_epoll_pwait, "all loops, on newer C libraries"},
    {SYS_epoll_pwait2, "workers"},
    {SYS_eventfd2, "ports"},
    {SYS_poll, "rte_vhost's thread"},
    {SYS_futex, "locks, held workers"},
    {SYS_sched_yield, "waiting for a turn to end"},
    {SYS_getcpu, "the allocator"},
    {SYS_clock_gettime, "time, CPU time of threads"},
    {SYS_clock_nanosleep, "rte_vhost"},
    {SYS_nanosleep, "rte_vhost"},
    {SYS_brk, "memory"},
    {SYS_mmap, "guests' memory, rings; never executable", 2, PROT_EXEC, 0},
    {SYS_mprotect, "the allocator; never executable", 2, PROT_EXEC, 0},
    {SYS_munmap, "memory"},
    {SYS_mremap, "memory"},
    {SYS_madvise, "memory; rte_vhost keeps guests out of core dumps"},
    {SYS_get_mempolicy, "rte_vhost asks which node a ring is on"},
    {SYS_getpid, "status"},
    {SYS_gettid, "signals to threads"},
    {SYS_tgkill, "the watchdog interrupts a worker"},
    {SYS_getuid, "logs"},
    {SYS_getrandom, "the allocator"},
    {SYS_rt_sigaction, "an unrepaired bus error"},
    {SYS_rt_sigprocmask, "the C library"},
    {SYS_rt_sigreturn, "after a signal"},
    {SYS_restart_syscall, "after a stop signal"},
    {SYS_set_robust_list, "threads that end"},
    {SYS_exit, "threads that end"},
    {SYS_exit_group, "the end"},
};

sock_filter load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
sock_filter answer(uint32_t what) { return BPF_STMT(BPF_RET | BPF_K, what); }
// Skips `count` instructions unless the loaded word equals.
sock_filter unless(uint32_t equals, uint8_t count) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, equals, 0, count);
}

void append(std::vector<sock_filter>& program, const Allowed& entry) {
  const auto call = static_cast<uint32_t>(entry.call);
  if (entry.argument < 0) {
    program.push_back(unless(call, 1));
    program.push_back(answer(SECCOMP_RET_ALLOW));
    return;
  }
  const size_t argument =
      offsetof(seccomp_data, args) + static_cast<size_t>(entry.argument) * sizeof(uint64_t);
  program.push_back(unless(call, 5));
  program.push_back(load(argument));
  program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, entry.mask));
  program.push_back(unless(entry.equals, 1));
  program.push_back(answer(SECCOMP_RET_ALLOW));
  program.push_back(answer(SECCOMP_RET_KILL_PROCESS));
}

}  // namespace

std::vector<sock_filter> switch_filter() {
  std::vector<sock_filter> program = {load(offsetof(seccomp_data, arch)),
                                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                                      answer(SECCOMP_RET_KILL_PROCESS),
                                      load(offsetof(seccomp_data, nr))};
  for (const Allowed& entry : allowed) append(program, entry);
  program.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  return program;
}

namespace {

// Whoever started it may have seen to that, and taken the call away.
Status refuse_core_dumps() {
  rlimit core{};
  if (::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0) return {};
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return errno_error("limiting core dumps");
  return {};
}

}  // namespace

Status confine_process() {
  BRIDLE_CHECK(refuse_core_dumps());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("giving up privileges");
#ifndef __SANITIZE_ADDRESS__
  std::vector<sock_filter> instructions = switch_filter();
  const sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
  const long installed =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (installed != 0) return errno_error("installing the system call filter");
#endif
  return {};
}

}  // namespace bridle::net
