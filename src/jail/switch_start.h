// From an order to a running bridle-switch: one process for each trust zone, in namespaces of its
// own (pid, net with nothing but `lo`, ipc, uts, mount), with a uid of its own, no capability,
// no_new_privs, the system call filter of guests (threads only, unix sockets only).
//
// What it sees: /usr read-only (DPDK's libraries), its own program, /dev/{null,zero,urandom}, /proc
// of its own pid namespace, /tmp of 16 MiB, and the folders and descriptors of wire/port_record.h.
// Its guests' sockets it finds in /g: only those that belong to its uid let it connect.
//
// It outlives the jail. What it says (stdout, stderr) goes through the FIFO run/s/ZONE/errors into
// the jail's log.
//
// Thread class: free functions; one thread.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/layout.h"
#include "base/result.h"
#include "jail/record.h"

namespace bridle::jail {

struct SwitchLaunch {
  uint32_t zone = 0;
  std::string program;     // bridle-switch
  std::vector<Fd> groups;  // Cgroups entrances
};

struct RunningSwitch {
  ProcessId id;
  Fd pidfd;
};

// run/s/ZONE with its FIFO, and ROOT/switch/ZONE; what is there stays.
Status make_switch_folders(const Layout& layout, uint32_t zone);
// Both ends of the FIFO, for reading; never ends.
Result<Fd> open_switch_errors(const Layout& layout, uint32_t zone);
// Returns when it was executed, or could not be. Binds control.sock and jail.sock anew.
Result<RunningSwitch> launch_switch(const Layout& layout, SwitchLaunch launch);

}  // namespace bridle::jail
