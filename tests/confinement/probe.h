// Probes: each tries one thing that a confined process must not be able to do, and says what the
// kernel answered. One word a probe, "VERB:ARGUMENT[:ARGUMENT…]":
//
//   read:PATH write:PATH list:PATH create:PATH   files and folders; nothing is changed
//   walk:FD:PATH                                 PATH below an inherited folder
//   mapexec:PATH                                 a new file, mapped as code
//   unix:PATH (abstract: "@NAME") tcp:PORT socket:FAMILY:TYPE
//   signal:PID ptrace:PID memory-of:PID take-fd:PID
//   reach:CALL:ERRNO    whether a system call, with senseless arguments, gets past a filter that
//                       would answer ERRNO
//   space:FLAGS (clone into new namespaces) unshare:FLAGS setns:PATH i386:CALL
//   setuid:ID setgid:ID capset: mount:PATH mknod:PATH:MAJOR:MINOR chroot:PATH
//   hostname:NAME shm:KEY queue:NAME environment:NAME descriptor:FD
//   descriptors:N threads:N processes:N bytes:N far:PATH:OFFSET dump: fifo-class: nice:
//   root-user:          whether this process is root
//   become:PATH:FD:PROBE…   exec, then the rest; separated by '|' instead of ':'
//   wait:MS             no probe: stays alive
//
// Answer 0: it worked, the way is open. Else the errno that refused it.
//
// Thread class: one thread (threads:N makes its own).
#pragma once

#include <string>
#include <string_view>

namespace bridle::confinement {

// REQUIRES: `word` holds a known verb; else EINVAL comes back, which no caller expects.
int probe(std::string_view word);
// "open", or the errno's name ("EACCES").
std::string answer_text(int error);

}  // namespace bridle::confinement
