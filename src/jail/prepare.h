// The folders of a root, and what must not be shared between two processes of one root.
//
// Thread class: free functions; one thread.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/layout.h"
#include "base/result.h"

namespace bridle::jail {

// Makes the folders with their owners; what is there gets the right owner and mode. Code::refused
// if a folder above the root cannot be entered by Bridle's unprivileged users. REQUIRES: root.
//
// run/ belongs to root, group bridled, sticky: bridled may make its socket there, and cannot touch
// what root made.
Status prepare_root(const Layout& layout);

// An exclusive lock that ends with this process; waits up to `seconds`. Code::conflict: another
// holds it.
Result<Fd> lock_file(const std::string& path, int seconds);

// run/NAME.pid, "PID\n", by run/NAME.pid.WRITER. Never follows a link that bridled left there.
// writer: a program that runs once for this root, "jail" or "supervise".
Status write_pid_file(const Layout& layout, const std::string& name, const std::string& writer,
                      pid_t pid);

// Ends every guest and helper of the root (SIGTERM, after 5 s SIGKILL), removes cgroups and the
// runtime folders. Code::conflict while a jail runs for this root.
Status purge(const Layout& layout);

}  // namespace bridle::jail
