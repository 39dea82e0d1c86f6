#include "cli/doctor.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "cli/human.h"

namespace bridle::cli {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20;

std::string output_of_qemu() {
  std::string out;
  FILE* pipe = ::popen("/usr/bin/qemu-system-x86_64 --version 2>/dev/null", "re");
  if (pipe == nullptr) return out;
  char line[256];
  if (std::fgets(line, sizeof line, pipe) != nullptr) out = line;
  ::pclose(pipe);
  return out;
}

uint64_t number_after(const std::string& text, std::string_view label) {
  const size_t at = text.find(label);
  if (at == std::string::npos) return 0;
  const size_t digit = text.find_first_of("0123456789", at + label.size());
  uint64_t value = 0;
  if (digit != std::string::npos)
    std::from_chars(text.data() + digit, text.data() + text.size(), value);
  return value;
}

uint64_t disk_free_at(std::string path) {
  struct statvfs fs {};
  while (::statvfs(path.c_str(), &fs) != 0 && path.size() > 1)
    path = std::filesystem::path(path).parent_path().string();
  return static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize;
}

bool mentions(const std::string& path, std::string_view word) {
  const auto text = read_file(path);
  return text.ok() && text->find(word) != std::string::npos;
}

Check check_qemu(const HostFacts& facts) {
  Check check{"qemu", false, true, "QEMU is not installed", ""};
  const std::string install =
      "apt-get install -t bookworm-backports qemu-system-x86 (needs the backports source)";
  const uint64_t major = number_after(facts.qemu_version_text, "version ");
  if (major >= 10) {
    const size_t start = facts.qemu_version_text.find("version ") + 8;
    const size_t end = facts.qemu_version_text.find_first_of(" (\n", start);
    return {"qemu", true, true, "QEMU " + facts.qemu_version_text.substr(start, end - start), ""};
  }
  if (major > 0) check.message = "QEMU " + std::to_string(major) + " is too old: 10.0 is needed";
  check.fix = install;
  return check;
}

Check check_kvm(const HostFacts& facts) {
  Check check{"kvm", false, false, "there is no /dev/kvm: guests run by translation (TCG), slower",
              ""};
  if (!facts.kvm_device) {
    check.fix = "modprobe kvm_amd || modprobe kvm_intel (and virtualization on in the firmware)";
    return check;
  }
  if (!facts.kvm_usable && !facts.is_root)
    return {"kvm", true, false, "/dev/kvm is there; bridled probes whether it boots a kernel", ""};
  check.ok = facts.kvm_usable;
  check.message = facts.kvm_usable ? "/dev/kvm opens; bridled probes whether it boots a kernel"
                                   : "/dev/kvm does not open";
  return check;
}

Check check_cgroups(const HostFacts& facts) {
  if (facts.cgroup_v2_cpu) return {"cgroups", true, true, "version 2, with the cpu controller", ""};
  if (facts.cgroup_v1_cpu)
    return {"cgroups", true, true,
            "version 1 (memory reservations are not promised under pressure)", ""};
  return {"cgroups", false, true, "no cpu controller is mounted: limits and shares cannot be kept",
          "mount -t cgroup -o cpu,cpuacct cgroup /sys/fs/cgroup/cpu"};
}

}  // namespace

HostFacts look(const std::string& root) {
  HostFacts facts;
  facts.root = root;
  facts.is_root = ::geteuid() == 0;
  facts.qemu_version_text = output_of_qemu();
  facts.kvm_device = ::access("/dev/kvm", F_OK) == 0;
  facts.kvm_usable = open_file("/dev/kvm", O_RDWR).ok();
  facts.cgroup_v1_cpu = mentions("/proc/self/mounts", ",cpu") &&
                        mentions("/proc/cgroups", "cpu\t") &&
                        ::access("/sys/fs/cgroup/cpu", F_OK) == 0;
  facts.cgroup_v2_cpu = mentions("/sys/fs/cgroup/cgroup.controllers", "cpu");
  const auto limit = read_file("/proc/sys/user/max_user_namespaces");
  facts.user_namespaces = limit.ok() ? number_after(*limit, "") : 0;
  facts.disk_free = disk_free_at(root);
  const auto memory = read_file("/proc/meminfo");
  facts.memory_free = memory.ok() ? number_after(*memory, "MemAvailable:") * 1024 : 0;
  return facts;
}

std::vector<Check> judge(const HostFacts& facts) {
  std::vector<Check> checks{check_qemu(facts), check_kvm(facts), check_cgroups(facts)};
  checks.push_back({"namespaces", facts.user_namespaces > 0, true,
                    facts.user_namespaces > 0
                        ? "user namespaces are allowed"
                        : "user namespaces are switched off: images cannot be built",
                    facts.user_namespaces > 0 ? "" : "sysctl -w user.max_user_namespaces=10000"});
  const bool room = facts.disk_free >= 2048 * mib;
  checks.push_back({"disk", room, true, bytes(facts.disk_free) + " free at " + facts.root,
                    room ? "" : "free at least 2GiB there, or choose another --root"});
  const bool memory = facts.memory_free >= 512 * mib;
  checks.push_back({"memory", memory, false, bytes(facts.memory_free) + " available",
                    memory ? "" : "bridle top (and stop what you can do without)"});
  return checks;
}

void merge(std::vector<Check>& checks, const json::value& report) {
  const json::value& list = at(report, "checks");
  if (!list.is_array()) return;
  for (const auto& item : list.get_array()) {
    Check check{text_at(item, "name"), at(item, "ok") == json::value(true), true,
                text_at(item, "message"), text_at(item, "fix")};
    const auto same = std::find_if(checks.begin(), checks.end(),
                                   [&](const Check& known) { return known.name == check.name; });
    if (same == checks.end()) {
      checks.push_back(check);
    } else {
      check.vital = same->vital;
      *same = check;
    }
  }
}

}  // namespace bridle::cli
