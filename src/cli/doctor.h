// Doctor: checks of this host, each with the command that fixes it. Judging is pure; look() reads.
#pragma once

#include <string>
#include <vector>

#include "cli/documents.h"

namespace bridle::cli {

struct Check {
  std::string name;  // "qemu"
  bool ok = false;
  bool vital = true;    // false: it works without, only less well
  std::string message;  // what was found
  std::string fix;      // the command that helps; empty when it is fine or nothing helps
};

// What the checks are made from.
struct HostFacts {
  std::string qemu_version_text;  // what `qemu-system-x86_64 --version` printed; empty: not there
  bool kvm_device = false;
  bool kvm_usable = false;  // may be opened by this user
  bool cgroup_v1_cpu = false, cgroup_v2_cpu = false;
  uint64_t user_namespaces = 0;  // the kernel's limit
  uint64_t disk_free = 0;        // bytes, where the root is (or will be)
  uint64_t memory_free = 0;
  bool is_root = false;
  std::string root;
};

HostFacts look(const std::string& root);
std::vector<Check> judge(const HostFacts& facts);
// The daemon's {"checks": [...]}; a check of a name that is there already replaces it.
void merge(std::vector<Check>& checks, const json::value& report);

}  // namespace bridle::cli
