#include "jail/seccomp.h"

#include <linux/audit.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "jail/bpf.h"

namespace bridle::jail {
namespace {

// argument < 0: any. Otherwise that argument must equal `equals` (under `mask`).
struct Allowed {
  long call;
  const char* reason;
  int argument = -1;
  uint32_t mask = ~0u;
  uint32_t equals = 0;
};

constexpr Allowed allowed[] = {
    {SYS_read, "serial console, clients, QEMU's stderr"},
    {SYS_write, "the same, and log lines"},
    {SYS_sendto, "clients, with MSG_NOSIGNAL"},
    {SYS_recvfrom, "serial console and clients"},
    {SYS_pread64, "the exit note"},
    {SYS_pwrite64, "the exit note"},
    {SYS_close, "clients that left"},
    {SYS_accept4, "clients"},
    {SYS_socket, "to reach QEMU's serial socket again", 0, ~0u, AF_UNIX},
    {SYS_connect, "to reach QEMU's serial socket again"},
    {SYS_epoll_wait, "the loop"},
    {SYS_epoll_pwait, "the loop, on newer C libraries"},
    {SYS_epoll_ctl, "the loop"},
    {SYS_poll, "the last flush"},
    {SYS_clock_gettime, "timers, where the vDSO has none"},
    {SYS_clock_nanosleep, "waiting for an exit note"},
    {SYS_nanosleep, "the same"},
    {SYS_waitid, "QEMU's exit status"},
    {SYS_restart_syscall, "after a stop signal"},
    {SYS_rt_sigreturn, "after a signal"},
    {SYS_brk, "memory"},
    {SYS_mmap, "memory, never executable", 2, PROT_EXEC, 0},
    {SYS_munmap, "memory"},
    {SYS_mremap, "memory"},
    {SYS_madvise, "memory"},
    {SYS_futex, "the C++ library"},
    {SYS_getrandom, "the allocator"},
    {SYS_exit_group, "the end"},
    {SYS_exit, "the end"},
};

}  // namespace

std::vector<sock_filter> attendant_filter() {
  using namespace bpf;
  std::vector<sock_filter> program = {load(arch_offset),
                                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                                      answer(SECCOMP_RET_KILL_PROCESS), load(call_offset)};
  for (const Allowed& entry : allowed) {
    const auto call = static_cast<uint32_t>(entry.call);
    if (entry.argument < 0) {
      program.push_back(unless(call, 1));
      program.push_back(answer(SECCOMP_RET_ALLOW));
      continue;
    }
    program.push_back(unless(call, 5));
    program.push_back(load(argument_offset(entry.argument)));
    program.push_back(keep_bits(entry.mask));
    program.push_back(unless(entry.equals, 1));
    program.push_back(answer(SECCOMP_RET_ALLOW));
    program.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  }
  program.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  return program;
}

Status confine_attendant() {
  return bpf::install(attendant_filter(), "the attendant's system call filter");
}

}  // namespace bridle::jail
