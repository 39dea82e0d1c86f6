#include "daemon/doctor.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "base/units.h"
#include "daemon/host.h"
#include "daemon/processes.h"
#include "machine/arguments.h"

namespace bridle::daemon {
namespace json = boost::json;
namespace {

constexpr uint64_t least_disk = uint64_t{2} << 30;
constexpr uint64_t least_memory = uint64_t{1} << 30;

constexpr auto install_qemu = "apt-get install -t bookworm-backports qemu-system-x86 qemu-utils";

json::object check(std::string name, bool ok, std::string message, std::string fix) {
  return {{"name", std::move(name)},
          {"ok", ok},
          {"message", std::move(message)},
          {"fix", ok ? std::string() : std::move(fix)}};
}

json::object disk_check(const Layout& layout, uint64_t may_grow) {
  struct statvfs fs {};
  if (::statvfs(layout.root().c_str(), &fs) != 0)
    return check("disk", false, layout.root() + " cannot be looked at", "ls -ld " + layout.root());
  const uint64_t free = uint64_t{fs.f_bavail} * fs.f_frsize;
  std::string message = std::to_string(free >> 20) + " MiB free below " + layout.root();
  if (may_grow != 0)
    message += "; volumes may still grow by " + std::to_string(may_grow >> 20) + " MiB";
  // A thin volume is promised more than it has: said, not failed.
  if (may_grow > free) message += ", which is more than that: should it fill up, guests will pause";
  return check("disk", free >= least_disk, message,
               "bridle get volumes -A   # and delete what nobody needs");
}

json::object cgroup_check() {
  const uint32_t version = cgroup_version();
  std::string message = "cgroup v" + std::to_string(version);
  for (const std::string& note : cgroup_notes(version)) message += "; " + note;
  return check("cgroups", version != 0, message, "mount -t cgroup2 none /sys/fs/cgroup");
}

// Needed only by machines with spec.firmware: said, not failed.
json::object firmware_check() {
  for (const auto firmware : {model::Firmware::uefi, model::Firmware::uefi_secure})
    if (::access(std::string(machine::firmware_files(firmware).code).c_str(), R_OK) != 0)
      return check("firmware", true, "BIOS only; for UEFI: apt-get install ovmf", "");
  return check("firmware", true, "BIOS, UEFI, UEFI with Secure Boot", "");
}

// Needed only by machines with spec.tpm.
json::object tpm_check() {
  const bool there = ::access("/usr/bin/swtpm", X_OK) == 0;
  return check("tpm", true,
               there ? "TPM 2.0 by swtpm" : "none; for spec.tpm: apt-get install swtpm", "");
}

}  // namespace

json::object examine(const Layout& layout, const DoctorFacts& facts) {
  json::array checks;
  checks.push_back(check("jail", facts.jail_up,
                         facts.jail_up ? "bridle-jail answers" : "bridle-jail does not answer",
                         "bridle-supervise --root " + layout.root()));
  const std::string version =
      facts.qemu_version.empty() ? "no QEMU found" : "QEMU " + facts.qemu_version;
  checks.push_back(check("qemu", facts.qemu_new_enough,
                         facts.qemu_new_enough ? version : version + "; 10.0 is needed",
                         install_qemu));
  // TCG is slower, not wrong: said, not failed.
  checks.push_back(check("engine", true, facts.engine + ": " + facts.engine_why, ""));
  checks.push_back(firmware_check());
  checks.push_back(tpm_check());
  checks.push_back(cgroup_check());
  checks.push_back(disk_check(layout, facts.volumes_may_grow));
  const uint64_t memory = host_memory_bytes();
  checks.push_back(check("memory", memory >= least_memory,
                         std::to_string(memory >> 20) + " MiB in this host", "add memory"));
  checks.push_back(check("ledger", facts.ledger_sound, "chain and signature checked at start",
                         "bridle ledger verify"));
  return {{"checks", std::move(checks)}};
}

}  // namespace bridle::daemon
