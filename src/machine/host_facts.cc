// The one part of the probe that looks at the host.
#include <sys/stat.h>
#include <sys/utsname.h>

#include <cerrno>

#include "base/file.h"
#include "machine/probe.h"

namespace bridle::machine {

Result<HostFacts> host_facts() {
  HostFacts facts;
  struct stat status {};
  facts.kvm = ::stat("/dev/kvm", &status) == 0 && S_ISCHR(status.st_mode);
  utsname names{};
  if (::uname(&names) != 0) return errno_error("uname");
  facts.kernel_release = std::string(names.release) + " " + names.version;
  BRIDLE_TRY(const std::string cpuinfo, read_file("/proc/cpuinfo"));
  facts.cpu_model = cpu_model_of(cpuinfo);
  if (::stat(std::string(qemu_path).c_str(), &status) != 0)
    return errno_error(std::string(qemu_path));
  facts.qemu_size = static_cast<uint64_t>(status.st_size);
  facts.qemu_mtime_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return facts;
}

}  // namespace bridle::machine
