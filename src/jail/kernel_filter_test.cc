// The system call filter as a program: each row for each kind of process, by a small interpreter.
#include "jail/kernel_filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

namespace bridle::jail {
namespace {

constexpr Confined everybody[] = {Confined::guest, Confined::fetch, Confined::build,
                                  Confined::store, Confined::daemon};

bool may(const RefusedCall& row, Confined who) {
  return (row.allowed_to & static_cast<uint8_t>(who)) != 0;
}

// What the kernel would make of one call; fails the test for an instruction the filter never uses.
uint32_t verdict(const std::vector<sock_filter>& program, const seccomp_data& data) {
  uint32_t a = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& line = program[at];
    switch (line.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&a, reinterpret_cast<const char*>(&data) + line.k, sizeof a);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= line.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += a == line.k ? line.jt : line.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += a >= line.k ? line.jt : line.jf;
        break;
      case BPF_RET | BPF_K:
        return line.k;
      default:
        ADD_FAILURE() << "instruction " << line.code;
        return 0;
    }
  }
  ADD_FAILURE() << "the program runs past its end";
  return 0;
}

uint32_t verdict(Confined who, long call, uint64_t first = 0, uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data data{};
  data.nr = static_cast<int>(call);
  data.arch = arch;
  data.args[0] = first;
  return verdict(kernel_filter(who), data);
}

constexpr uint32_t allowed = SECCOMP_RET_ALLOW;
constexpr uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t unknown_family = SECCOMP_RET_ERRNO | EAFNOSUPPORT;

TEST(KernelFilter, RefusesEachRowToAllWhomItNames) {
  for (const RefusedCall& row : refused_calls())
    for (const Confined who : everybody)
      EXPECT_EQ(verdict(who, row.call),
                may(row, who) ? allowed : SECCOMP_RET_ERRNO | static_cast<uint32_t>(row.error))
          << row.name << " for " << static_cast<int>(who);
  for (const Confined who : everybody)
    for (const long call : {SYS_read, SYS_execve, SYS_mmap, SYS_prctl, SYS_seccomp, SYS_ioctl})
      EXPECT_EQ(verdict(who, call), allowed) << call;
}

TEST(KernelFilter, LetsNoOtherArchitectureIn) {
  for (const Confined who : everybody) {
    EXPECT_EQ(verdict(who, SYS_read, 0, AUDIT_ARCH_I386), refused);
    EXPECT_EQ(verdict(who, SYS_read | 0x40000000), refused) << "x32";
    EXPECT_EQ(verdict(who, -1), refused);
  }
}

TEST(KernelFilter, ThreadsForGuestsAndNoNamespacesForAnyone) {
  constexpr uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  for (const Confined who : everybody) {
    EXPECT_EQ(verdict(who, SYS_clone, thread), allowed);
    const bool guest = who == Confined::guest;
    EXPECT_EQ(verdict(who, SYS_clone, SIGCHLD), guest ? refused : allowed);
    for (const uint64_t space : {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID,
                                 CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP})
      EXPECT_EQ(verdict(who, SYS_clone, space | SIGCHLD), refused);
  }
}

TEST(KernelFilter, AGuestReadsItsLimitsAndSetsNone) {
  for (const Confined who : everybody) {
    const bool guest = who == Confined::guest;
    EXPECT_EQ(verdict(who, SYS_getrlimit), allowed);
    EXPECT_EQ(verdict(who, SYS_setrlimit), guest ? refused : allowed);
    for (const uint64_t fresh : {uint64_t{0}, uint64_t{4096}, uint64_t{1} << 40}) {
      seccomp_data data{};
      data.nr = SYS_prlimit64;
      data.arch = AUDIT_ARCH_X86_64;
      data.args[2] = fresh;
      EXPECT_EQ(verdict(kernel_filter(who), data), guest && fresh != 0 ? refused : allowed);
    }
  }
}

TEST(KernelFilter, SocketsOfTheFamiliesThatAreUsed) {
  for (const long call : {SYS_socket, SYS_socketpair})
    for (const Confined who : everybody) {
      const bool network = who != Confined::guest && who != Confined::store;
      EXPECT_EQ(verdict(who, call, AF_UNIX), allowed);
      for (const int family : {AF_INET, AF_INET6})
        EXPECT_EQ(verdict(who, call, static_cast<uint64_t>(family)),
                  network ? allowed : unknown_family);
      for (const int family : {AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG, AF_XDP, AF_BLUETOOTH})
        EXPECT_EQ(verdict(who, call, static_cast<uint64_t>(family)), unknown_family) << family;
    }
}

}  // namespace
}  // namespace bridle::jail
