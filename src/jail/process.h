// Processes and how they lose their rights: the system calls that the jail, its attendants and the
// supervisor share. Every function that sets something up is called in a fresh child and fails
// closed: on an error the child must end.
//
// Thread class: free functions; the process must have one thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "jail/record.h"

namespace bridle::jail {

// clone(2) with these CLONE_NEW… flags, else as fork(2): 0 in the child. `pidfd` names the child.
Result<pid_t> fork_into(int namespaces, Fd& pidfd);

// Default handlers, nothing blocked: what a program expects to start with.
void reset_signals();
// Moves this process into the groups behind `entrances` (Cgroups::entrances).
Status join_groups(const std::vector<Fd>& entrances);
// Of this process; -1000 .. 1000, the higher the sooner the kernel ends it. Needs /proc.
Status set_oom_score(int score);
// A score below the present one, as far as the host lets root have it (containers may lack
// CAP_SYS_RESOURCE): a wish, never a reason to fail.
void prefer_survival(int score);
void raise_open_files(uint64_t wanted);  // likewise
struct ResourceLimits {
  uint64_t open_files = 1024;
  uint64_t file_size = ~uint64_t{0};  // bytes
  uint64_t data = ~uint64_t{0};       // bytes of private writable memory
  uint64_t cpu_seconds = ~uint64_t{0};
};
Status set_resource_limits(const ResourceLimits& limits);  // and no core dumps
Status refuse_core_dumps();                                // included above
// Empties the bounding and ambient sets, becomes uid (gid the same, no groups), keeps no
// capability, sets no_new_privs. REQUIRES: root.
Status drop_privileges(uid_t uid);
Status set_no_new_privileges();

struct Placement {
  int source;
  int target;
};
// Puts each source at its target (at most 255), and makes every other descriptor but 0, 1 and 2
// close at exec. Sources may be targets of others.
Status place_descriptors(const std::vector<Placement>& placements);
// stdin is nothing; stdout and stderr are the FIFO at `errors`, opened for both ways, so that
// writes never fail for want of a reader, and never wait for one.
Status place_standard_streams(const std::string& errors);
// Code::refused for a folder: whoever inherits one walks out of its root through it.
Status check_inheritable(int fd);

// A process that is known by pid and start time. Code::not_found if it is gone or another one.
Result<Fd> open_process(const ProcessId& id);
Result<uint64_t> start_time_of(pid_t pid);
uint64_t cpu_ns_of(pid_t pid);  // 0 if it is gone
struct ProcessIo {
  uint64_t read_bytes = 0, write_bytes = 0;
};
ProcessIo io_of(pid_t pid);  // what reached storage
bool signal_process(int pidfd, int signal_number);
// Whether it ended, by its pidfd; also of a process that is not a child.
bool has_ended(int pidfd);
// waitpid's status of a child that ended; empty when it runs or is not our child.
std::optional<int> reap(int pidfd);

Result<Uuid> host_boot_id();
// The folder of this program's executable.
Result<std::string> own_folder();

}  // namespace bridle::jail
