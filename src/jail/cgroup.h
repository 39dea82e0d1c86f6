// Cgroups: how much a guest may use, and what it used. One seam, two kernels: version 1 (a tree a
// controller) and version 2 (one tree). docs/jail.md says what version 1 cannot promise.
//
// Groups of one Bridle instance hang below NAME = Layout::cgroup(), never inside bridled's group:
//   NAME/UUID                   a guest: weight, memory, threads, block I/O
//   NAME/UUID/vcpu              its vCPU threads: the CPU limit
//   NAME/UUID/emulator          all other threads of its QEMU
//   NAME/attendants, NAME/helpers
//   NAME/switches/ZONE          a switch: CPU, memory and threads
// (version 1: the last level only where CPU is controlled.)
//
// A process joins by writing "0" to every descriptor of entrances(): the kernel then moves the
// writer, and needs no global lock for it as it would for another process.
//
// Thread class: one thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "jail/protocol.h"

namespace bridle::jail {

// The control files, as a seam so that both versions are tested without a kernel. Paths are
// absolute.
class CgroupFs {
 public:
  virtual ~CgroupFs() = default;
  virtual Status make_group(const std::string& path) = 0;    // an existing one is success
  virtual Status remove_group(const std::string& path) = 0;  // a missing one is success
  virtual Status write(const std::string& path, const std::string& value) = 0;
  virtual Result<std::string> read(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> groups(const std::string& path) = 0;  // names below
  virtual Result<Fd> open_for_join(const std::string& path) = 0;
};

class SystemCgroupFs final : public CgroupFs {
 public:
  Status make_group(const std::string& path) override;
  Status remove_group(const std::string& path) override;
  Status write(const std::string& path, const std::string& value) override;
  Result<std::string> read(const std::string& path) override;
  Result<std::vector<std::string>> groups(const std::string& path) override;
  Result<Fd> open_for_join(const std::string& path) override;
};

struct GroupUsage {
  uint64_t vcpu_ns = 0;
  uint64_t emulator_ns = 0;
  uint64_t memory_bytes = 0;
  uint64_t read_bytes = 0;
  uint64_t write_bytes = 0;
};

// What the kernel killed a process of a group for.
enum class OomKill { none, limit, host };  // limit: the group's own

class Cgroups {
 public:
  virtual ~Cgroups() = default;

  // Makes NAME and the groups that are not a guest's. Once, at the jail's start.
  virtual Status prepare() = 0;
  virtual Status create_guest(const std::string& uuid, const Limits& limits) = 0;
  // A group without parts, as "switches/7"; of one that is there the limits are set again.
  virtual Status create_plain(const std::string& group, const Limits& limits) = 0;
  virtual Status apply(const std::string& uuid, const Limits& limits) = 0;
  // Descriptors to write "0" to, for a QEMU that is to join the emulator's group.
  virtual Result<std::vector<Fd>> guest_entrances(const std::string& uuid) = 0;
  // The same for "attendants", "helpers" and plain groups.
  virtual Result<std::vector<Fd>> shared_entrances(const std::string& name) = 0;
  virtual Status place(const std::string& uuid, const std::vector<pid_t>& vcpu_threads) = 0;
  virtual Result<GroupUsage> usage(const std::string& uuid) = 0;
  // Counted since the group was made.
  virtual OomKill oom_kill(const std::string& uuid) = 0;
  // Processes of NAME/group and below.
  virtual std::vector<pid_t> members(const std::string& group) = 0;
  virtual std::vector<std::string> groups() = 0;  // below NAME
  // REQUIRES: no process is left in it. Code::conflict otherwise.
  virtual Status remove(const std::string& group) = 0;
  virtual Status remove_all() = 0;  // and NAME itself
};

// Where controllers are mounted, from the text of /proc/self/mounts.
struct CgroupMounts {
  std::vector<std::pair<std::string, std::string>> v1;  // controller, mount point
  std::string v2;                                       // empty: none
  std::string v1_mount(std::string_view controller) const;
};
CgroupMounts parse_cgroup_mounts(std::string_view proc_mounts);

std::unique_ptr<Cgroups> make_cgroups_v1(CgroupFs& fs, const CgroupMounts& mounts,
                                         const std::string& name);
std::unique_ptr<Cgroups> make_cgroups_v2(CgroupFs& fs, const std::string& mount,
                                         const std::string& name);
// Version 2 where its root offers cpu and memory, else version 1; Code::refused if neither does.
Result<std::unique_ptr<Cgroups>> open_cgroups(CgroupFs& fs, const std::string& name);

// Threads of `pid` that QEMU named as vCPUs ("CPU 0/TCG", "CPU 1/KVM", "ALL CPUs/TCG").
std::vector<pid_t> vcpu_threads_of(pid_t pid);
bool is_vcpu_name(std::string_view comm);

// Weights, shared by both versions: 1000 is ordinary, the reservation is a floor.
uint64_t v1_shares(const Limits& limits);  // 1000 -> 1024, 2 .. 262144
uint64_t v2_weight(const Limits& limits);  // 1000 -> 100, 1 .. 10000
constexpr uint64_t cpu_period_us = 100'000;
constexpr uint32_t default_pids = 256;
// All helpers together: their scratch counts as memory.
constexpr uint32_t helper_pids = 1024;
uint64_t helper_memory();  // three quarters of the host's

}  // namespace bridle::jail
