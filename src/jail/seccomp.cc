#include "jail/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstddef>

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

constexpr uint32_t call_offset = offsetof(seccomp_data, nr);
constexpr uint32_t arch_offset = offsetof(seccomp_data, arch);
uint32_t argument_offset(int index) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + sizeof(uint64_t) * index);
}

sock_filter load(uint32_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset); }
sock_filter answer(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
// Skips `otherwise` instructions unless the accumulator is `value`.
sock_filter unless(uint32_t value, uint8_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise);
}

}  // namespace

std::vector<sock_filter> attendant_filter() {
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
    program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, entry.mask));
    program.push_back(unless(entry.equals, 1));
    program.push_back(answer(SECCOMP_RET_ALLOW));
    program.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  }
  program.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  return program;
}

Status confine_attendant() {
  std::vector<sock_filter> program = attendant_filter();
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
    return errno_error("installing the attendant's system call filter");
  return {};
}

}  // namespace bridle::jail
