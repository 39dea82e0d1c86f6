// The kernel interfaces that nobody whom Bridle starts has a use for, refused by a system call
// filter that every one of them gets before its exec and cannot take off: a table of rows, each
// with its reason, turned into a BPF program. A refused call fails with EPERM (a socket family with
// EAFNOSUPPORT, clone3 with ENOSYS: C libraries then take clone, whose flags a filter can see);
// everything else is allowed.
//
// It is the second wall of most rows: having no capability is the first. It is the only one where
// the kernel asks for none: io_uring, user namespaces, keyrings, userfaultfd, socket families,
// ptrace among processes of one uid.
//
//   guest     QEMU; threads only, unix sockets only, no change of its limits. Its own -sandbox
//             comes on top
//   fetch     image helper with a network: unix and IP sockets
//   build     image helper that is root of a user namespace: may mount, unmount, chroot there
//   store     image helper without a network: unix sockets only
//   daemon    bridled: unix and IP sockets
//
// Calls of other architectures (i386, x32) are refused for all.
//
// Thread class: free functions; one thread.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace bridle::jail {

enum class Confined : uint8_t { guest = 1, fetch = 2, build = 4, store = 8, daemon = 16 };

struct RefusedCall {
  long call;
  const char* name;
  const char* reason;
  uint8_t allowed_to = 0;  // Confined values, or-ed
  int error = 1;           // EPERM
};
// The rows without a condition; families and clone flags are the program's own.
std::span<const RefusedCall> refused_calls();

// The program itself, pure: for tests.
std::vector<sock_filter> kernel_filter(Confined who);
// REQUIRES: no_new_privs.
Status refuse_kernel_interfaces(Confined who);

}  // namespace bridle::jail
