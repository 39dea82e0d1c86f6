// From a request to a running QEMU: the runtime folder with its listening sockets, the attendant,
// QEMU in its namespaces.
//
// Order of a start (each step by whoever has the right):
//   jail       folder run/g/UUID, sockets, scrollback, record with pid 0, cgroups; forks:
//   attendant  takes /usr and the bind files, clones into new pid, net, ipc, uts, mount namespaces:
//   QEMU-to-be joins its cgroups, enters its root, places descriptors, drops every right, execs
//   attendant  learns of the exec (a pipe that closes), reports pid, start time and pidfd to the
//              jail, drops its own rights and attends
// The jail waits for none of it: the report is an event of its loop. Until it drops its rights an
// attendant reads nothing from outside, so its report is as good as the jail's own word.
//
// Thread class: one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/layout.h"
#include "base/result.h"
#include "jail/attendant.h"
#include "jail/protocol.h"
#include "jail/record.h"

namespace bridle::jail {

// What an attendant needs of the runtime folder.
struct AttendantFiles {
  Fd listener, ring, exit_note, errors;
};
struct GuestSockets {
  Fd monitor, serial, agent;
  std::vector<Fd> interfaces;
};

// Makes run/g/UUID. Code::conflict if it exists.
Status make_runtime_folder(const Layout& layout, const Uuid& uuid);
Result<GuestSockets> make_guest_sockets(const Layout& layout, const Record& record);
// Opens them, or makes what is missing; attendant.sock is bound anew.
Result<AttendantFiles> open_attendant_files(const Layout& layout, const Uuid& uuid, uint32_t slot);

// As incomplete, renamed; without a sync (record.h).
Status replace_file(const std::string& path, std::string_view bytes);
Status write_tpm(const Layout& layout, const Uuid& uuid, const ProcessId& tpm);
Result<ProcessId> read_tpm(const std::string& folder);  // Code::not_found: the guest has none
Status write_record(const Layout& layout, const Record& record);
Result<Record> read_record(const std::string& folder);
Status write_exit_note(const std::string& folder, const ExitNote& note);
Result<ExitNote> read_exit_note(const std::string& folder);

struct GuestLaunch {
  uint32_t slot = 0;
  bool use_kvm = false;
  uint64_t file_size = 0;  // bytes, 0: no bound
  std::vector<std::string> arguments;
  std::vector<Fd> files;  // as `uses` says
  std::vector<FileUse> uses;
  GuestSockets sockets;
  AttendantFiles attendant;
  std::vector<Fd> guest_groups, attendant_groups;  // Cgroups entrances
};

struct Attending {
  ProcessId id;
  Fd pidfd;
  Fd report;  // gives one StartReport, with QEMU's pidfd; closed without one: it failed
};

// What an attendant tells after it tried to start QEMU.
struct StartReport {
  int32_t error;  // 0 or Code + 1
  uint32_t pid;
  uint64_t start_time;
  uint64_t tpm_start_time;
  uint32_t tpm_pid;  // 0: none
  char message[192];
};

// Forks the attendant that starts QEMU.
Result<Attending> launch_guest(const Layout& layout, const Uuid& uuid, GuestLaunch launch);
// Forks an attendant for a QEMU that runs already; it reports nothing.
Result<Attending> replace_attendant(const Layout& layout, const Record& record, const Fd& qemu,
                                    AttendantFiles files, std::vector<Fd> attendant_groups);

// Arguments from a sealed memfd: Code::refused if it is not sealed against every change.
Result<std::vector<std::string>> read_arguments(int memfd);

}  // namespace bridle::jail
