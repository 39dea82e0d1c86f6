#include "jail/kernel_filter.h"

#include <linux/audit.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

#include "jail/bpf.h"

namespace bridle::jail {
namespace {

constexpr uint8_t mask_of(Confined who) { return static_cast<uint8_t>(who); }
constexpr uint8_t nobody = 0;
constexpr uint8_t builder = mask_of(Confined::build);
constexpr uint8_t all_but_guest =
    mask_of(Confined::fetch) | builder | mask_of(Confined::store) | mask_of(Confined::daemon);

#define ROW(name, reason, allowed_to) \
  { SYS_##name, #name, reason, allowed_to }

constexpr RefusedCall rows[] = {
    ROW(io_uring_setup, "carries calls past every filter", nobody),
    ROW(io_uring_enter, "the same", nobody),
    ROW(io_uring_register, "the same", nobody),
    ROW(bpf, "programs in the kernel", nobody),
    ROW(perf_event_open, "watches other processes; a frequent hole", nobody),
    ROW(userfaultfd, "makes kernel races easy to win", nobody),
    ROW(keyctl, "keyrings are shared by uid, not by namespace", nobody),
    ROW(add_key, "the same", nobody),
    ROW(request_key, "the same", nobody),
    ROW(ptrace, "control of another process", nobody),
    ROW(process_vm_readv, "memory of another process", nobody),
    ROW(process_vm_writev, "memory of another process", nobody),
    ROW(process_madvise, "memory of another process", nobody),
    ROW(pidfd_getfd, "descriptors of another process", nobody),
    ROW(kcmp, "addresses of the kernel by comparison", nobody),
    ROW(unshare, "new namespaces open the kernel's privileged code", nobody),
    ROW(setns, "namespaces of others", nobody),
    {SYS_clone3, "clone3", "hides the flags of clone from a filter", nobody, ENOSYS},
    ROW(fork, "QEMU has threads and no children", all_but_guest),
    ROW(vfork, "the same", all_but_guest),
    ROW(mount, "another view of files", builder),
    ROW(umount2, "the same", builder),
    ROW(chroot, "the same", builder),
    ROW(pivot_root, "the same", nobody),
    ROW(open_tree, "the same, by descriptor", nobody),
    ROW(move_mount, "the same", nobody),
    ROW(mount_setattr, "the same", nobody),
    ROW(fsopen, "the same", nobody),
    ROW(fspick, "the same", nobody),
    ROW(fsconfig, "the same", nobody),
    ROW(fsmount, "the same", nobody),
    ROW(open_by_handle_at, "files past every folder's permissions", nobody),
    ROW(fanotify_init, "watches what others open", nobody),
    ROW(quotactl, "the file system's administration", nobody),
    ROW(quotactl_fd, "the same", nobody),
    ROW(swapon, "the host's administration", nobody),
    ROW(swapoff, "the same", nobody),
    ROW(acct, "the same", nobody),
    ROW(reboot, "the same", nobody),
    ROW(kexec_load, "another kernel", nobody),
    ROW(kexec_file_load, "another kernel", nobody),
    ROW(init_module, "code in the kernel", nobody),
    ROW(finit_module, "code in the kernel", nobody),
    ROW(delete_module, "the same", nobody),
    ROW(syslog, "the kernel's messages hold addresses", nobody),
    ROW(settimeofday, "the host's clock", nobody),
    ROW(clock_settime, "the host's clock", nobody),
    ROW(clock_adjtime, "the host's clock", nobody),
    ROW(adjtimex, "the host's clock", nobody),
    ROW(iopl, "I/O ports", nobody),
    ROW(ioperm, "I/O ports", nobody),
    ROW(modify_ldt, "old code of the kernel that nothing here runs", nobody),
};
#undef ROW

constexpr uint32_t x32_bit = 0x40000000;
constexpr uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

sock_filter allow() { return bpf::answer(SECCOMP_RET_ALLOW); }
sock_filter refuse(int error) {
  return bpf::answer(SECCOMP_RET_ERRNO | static_cast<uint32_t>(error));
}

// An all-allowed answer for `call` only where its first argument passes `check`, which ends in a
// return on every path.
void append_checked(std::vector<sock_filter>& program, long call,
                    const std::vector<sock_filter>& check) {
  program.push_back(bpf::unless(static_cast<uint32_t>(call), check.size() + 1));
  program.push_back(bpf::load(bpf::argument_offset(0)));
  program.insert(program.end(), check.begin(), check.end());
}

std::vector<sock_filter> family_check(Confined who) {
  std::vector<uint32_t> families = {AF_UNIX};
  if (who != Confined::guest && who != Confined::store)
    families.insert(families.end(), {AF_INET, AF_INET6});
  std::vector<sock_filter> check;
  for (const uint32_t family : families) {
    check.push_back(bpf::unless(family, 1));
    check.push_back(allow());
  }
  // What a kernel without that family says: Debian's useradd gives up on any other answer to its
  // audit socket.
  check.push_back(refuse(EAFNOSUPPORT));
  return check;
}

// A guest's QEMU makes threads only; others make processes, but no namespaces.
std::vector<sock_filter> clone_check(Confined who) {
  const bool guest = who == Confined::guest;
  const uint32_t mask = guest ? CLONE_THREAD : namespaces;
  return {bpf::keep_bits(mask), bpf::unless(guest ? CLONE_THREAD : 0, 1), allow(), refuse(EPERM)};
}

// Its own limits may be read (a null second structure), and set by nobody: the bound of QEMU's
// files is a soft one, for the jail raises it when a disk grows.
std::vector<sock_filter> limits_check() {
  return {bpf::unless(SYS_setrlimit, 1),
          refuse(EPERM),
          bpf::unless(SYS_prlimit64, 6),
          bpf::load(bpf::argument_offset(2)),
          bpf::unless(0, 3),
          bpf::load(bpf::argument_offset(2) + 4),
          bpf::unless(0, 1),
          allow(),
          refuse(EPERM)};
}

}  // namespace

std::span<const RefusedCall> refused_calls() { return rows; }

std::vector<sock_filter> kernel_filter(Confined who) {
  std::vector<sock_filter> program = {bpf::load(bpf::arch_offset),
                                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                                      refuse(EPERM),
                                      bpf::load(bpf::call_offset),
                                      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1),
                                      refuse(EPERM)};
  for (const RefusedCall& row : rows) {
    if ((row.allowed_to & mask_of(who)) != 0) continue;
    program.push_back(bpf::unless(static_cast<uint32_t>(row.call), 1));
    program.push_back(refuse(row.error));
  }
  if (who == Confined::guest) {
    const auto limits = limits_check();
    program.insert(program.end(), limits.begin(), limits.end());
  }
  append_checked(program, SYS_clone, clone_check(who));
  append_checked(program, SYS_socket, family_check(who));
  append_checked(program, SYS_socketpair, family_check(who));
  program.push_back(allow());
  return program;
}

Status refuse_kernel_interfaces(Confined who) {
  return bpf::install(kernel_filter(who), "the system call filter");
}

}  // namespace bridle::jail
