// The attendant of one guest: a process forked by the jail, without rights of its own, that waits
// for QEMU's end, keeps the serial console's scrollback and lets consoles attach.
//
// How it works. It connects to QEMU's listening serial socket, copies what comes into the ring file
// and to every console, and what consoles type to QEMU. It always reads from QEMU: a slow console
// loses output (ConsoleQueue), a fast typist waits. When QEMU ends it leaves the exit note, tells
// its status clients and ends. Whoever is QEMU's parent writes the note: the first attendant, or
// the jail for a QEMU whose attendant was killed.
//
// Rights: a uid of its own, no capability, no_new_privs, its root is the guest's runtime folder,
// and the system calls of seccomp.cc. Killed, it is replaced by the jail; QEMU goes on.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "jail/record.h"

namespace bridle::jail {

struct AttendantTask {
  std::string folder;  // run/g/UUID
  uid_t uid = 0;
  uint32_t qemu_pid = 0;
  Fd qemu;       // pidfd
  Fd tpm;        // likewise, of a child of ours; none: there is no TPM, or another waits for it
  Fd listener;   // attendant.sock
  Fd ring;       // serial.ring
  Fd exit_note;  // exit, read and write
  Fd errors;     // reading end of QEMU's stderr
};

// Drops every right, serves until QEMU ends. Called in a forked child only. REQUIRES: root.
[[noreturn]] void attend(AttendantTask task);

}  // namespace bridle::jail
