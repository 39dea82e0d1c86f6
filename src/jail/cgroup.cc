#include "jail/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/crash_point.h"
#include "base/file.h"

namespace bridle::jail {

Status SystemCgroupFs::make_group(const std::string& path) { return make_folder(path, 0755); }

Status SystemCgroupFs::remove_group(const std::string& path) {
  BRIDLE_CRASH_POINT("cgroup.remove");
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  if (errno == EBUSY) return Error(Code::conflict, path + ": processes are left in this group");
  return errno_error(path);
}

Status SystemCgroupFs::write(const std::string& path, const std::string& value) {
  BRIDLE_TRY(const Fd fd, open_file(path, O_WRONLY));
  return write_all(fd.get(), value).context(path);
}

Result<std::string> SystemCgroupFs::read(const std::string& path) {
  return read_file(path, 1 << 20);
}

Result<std::vector<std::string>> SystemCgroupFs::groups(const std::string& path) {
  BRIDLE_TRY(auto names, list_folder(path));
  std::erase_if(names, [&](const std::string& name) {
    struct stat st {};
    return ::lstat((path + "/" + name).c_str(), &st) != 0 || !S_ISDIR(st.st_mode);
  });
  return names;
}

Result<Fd> SystemCgroupFs::open_for_join(const std::string& path) {
  return open_file(path, O_WRONLY);
}

std::string CgroupMounts::v1_mount(std::string_view controller) const {
  for (const auto& [name, mount] : v1)
    if (name == controller) return mount;
  return "";
}

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

}  // namespace

CgroupMounts parse_cgroup_mounts(std::string_view proc_mounts) {
  CgroupMounts mounts;
  for (const std::string_view line : split(proc_mounts, '\n')) {
    const auto fields = split(line, ' ');  // what, where, type, options …
    if (fields.size() < 4) continue;
    if (fields[2] == "cgroup2" && mounts.v2.empty()) mounts.v2 = fields[1];
    if (fields[2] != "cgroup") continue;
    for (const std::string_view option : split(fields[3], ','))
      mounts.v1.emplace_back(option, fields[1]);
  }
  return mounts;
}

Result<std::unique_ptr<Cgroups>> open_cgroups(CgroupFs& fs, const std::string& name) {
  BRIDLE_TRY(const std::string text, read_file("/proc/self/mounts"));
  const CgroupMounts mounts = parse_cgroup_mounts(text);
  if (!mounts.v2.empty()) {
    const auto controllers = fs.read(mounts.v2 + "/cgroup.controllers");
    if (controllers && controllers->find("cpu") != std::string::npos &&
        controllers->find("memory") != std::string::npos)
      return make_cgroups_v2(fs, mounts.v2, name);
  }
  for (const char* needed : {"cpu", "memory", "pids"})
    if (mounts.v1_mount(needed).empty())
      return Error(Code::refused, std::string("no cgroup controller \"") + needed +
                                      "\" is mounted, neither version 1 nor 2; mount it: "
                                      "mount -t cgroup2 none /sys/fs/cgroup");
  return make_cgroups_v1(fs, mounts, name);
}

bool is_vcpu_name(std::string_view comm) {
  if (comm.starts_with("ALL CPUs/")) return true;  // TCG with one thread for all
  if (!comm.starts_with("CPU ")) return false;
  const size_t slash = comm.find('/');
  return slash != std::string_view::npos && slash > 4 &&
         comm.substr(4, slash - 4).find_first_not_of("0123456789") == std::string_view::npos;
}

std::vector<pid_t> vcpu_threads_of(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  std::vector<pid_t> found;
  const auto names = list_folder(tasks);
  if (!names) return found;  // it ended meanwhile
  for (const std::string& name : *names) {
    const auto comm = read_file(tasks + "/" + name + "/comm", 64);
    if (comm && is_vcpu_name(*comm)) found.push_back(static_cast<pid_t>(std::atoi(name.c_str())));
  }
  return found;
}

namespace {

uint64_t weight(const Limits& limits) {
  const uint64_t shares = limits.cpu_shares == 0 ? 1000 : limits.cpu_shares;
  return std::max<uint64_t>(shares, limits.cpu_reservation);
}

}  // namespace

uint64_t helper_memory() {
  const auto pages = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) / 4 * 3;
}

uint64_t v1_shares(const Limits& limits) {
  return std::clamp<uint64_t>(weight(limits) * 1024 / 1000, 2, 262144);
}

uint64_t v2_weight(const Limits& limits) {
  return std::clamp<uint64_t>(weight(limits) / 10, 1, 10000);
}

}  // namespace bridle::jail
