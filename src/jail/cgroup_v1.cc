// Version 1: a tree a controller; single threads may be in different groups of the cpu trees.
#include <algorithm>
#include <set>

#include "base/file.h"
#include "jail/cgroup.h"

namespace bridle::jail {
namespace {

constexpr const char* shared_groups[] = {"attendants", "helpers", "switches"};

class CgroupsV1 final : public Cgroups {
 public:
  CgroupsV1(CgroupFs& fs, const CgroupMounts& mounts, const std::string& name) : fs_(fs) {
    // Controllers mounted together (cpu,cpuacct) share one tree: each tree once.
    for (const char* controller : {"cpu", "cpuacct"}) add_tree(mounts, controller, name, threads_);
    for (const char* controller : {"memory", "pids", "blkio"})
      add_tree(mounts, controller, name, processes_);
    cpu_ = root(mounts, "cpu", name);
    cpuacct_ = root(mounts, "cpuacct", name);
    memory_ = root(mounts, "memory", name);
    pids_ = root(mounts, "pids", name);
    blkio_ = root(mounts, "blkio", name);
  }

  Status prepare() override {
    for (const std::string& tree : trees()) {
      BRIDLE_CHECK(fs_.make_group(tree));
      for (const char* group : shared_groups) BRIDLE_CHECK(fs_.make_group(tree + "/" + group));
    }
    BRIDLE_CHECK(
        fs_.write(memory_ + "/helpers/memory.limit_in_bytes", std::to_string(helper_memory())));
    return fs_.write(pids_ + "/helpers/pids.max", std::to_string(helper_pids));
  }

  Status create_guest(const std::string& uuid, const Limits& limits) override {
    for (const std::string& tree : trees()) BRIDLE_CHECK(fs_.make_group(tree + "/" + uuid));
    for (const std::string& tree : threads_)
      for (const char* part : {"/vcpu", "/emulator"})
        BRIDLE_CHECK(fs_.make_group(tree + "/" + uuid + part));
    return apply(uuid, limits);
  }

  Status create_plain(const std::string& name, const Limits& limits) override {
    for (const std::string& tree : trees()) BRIDLE_CHECK(fs_.make_group(tree + "/" + name));
    const std::string cpu = cpu_ + "/" + name;
    const uint64_t quota = std::max<uint64_t>(limits.cpu_quota * cpu_period_us / 1000, 1000);
    BRIDLE_CHECK(fs_.write(cpu + "/cpu.shares", std::to_string(v1_shares(limits))));
    BRIDLE_CHECK(fs_.write(cpu + "/cpu.cfs_period_us", std::to_string(cpu_period_us)));
    BRIDLE_CHECK(
        fs_.write(cpu + "/cpu.cfs_quota_us", limits.cpu_quota == 0 ? "-1" : std::to_string(quota)));
    BRIDLE_CHECK(apply_memory(memory_ + "/" + name, limits));
    const uint32_t pids = limits.pids == 0 ? default_pids : limits.pids;
    return fs_.write(pids_ + "/" + name + "/pids.max", std::to_string(pids));
  }

  Status apply(const std::string& uuid, const Limits& limits) override {
    BRIDLE_CHECK(apply_cpu(cpu_ + "/" + uuid, limits));
    BRIDLE_CHECK(apply_memory(memory_ + "/" + uuid, limits));
    const uint32_t pids = limits.pids == 0 ? default_pids : limits.pids;
    return fs_.write(pids_ + "/" + uuid + "/pids.max", std::to_string(pids));
  }

  Result<std::vector<Fd>> guest_entrances(const std::string& uuid) override {
    std::vector<Fd> out;
    for (const std::string& tree : threads_)
      BRIDLE_CHECK(add_entrance(tree + "/" + uuid + "/emulator", out));
    for (const std::string& tree : processes_) BRIDLE_CHECK(add_entrance(tree + "/" + uuid, out));
    return out;
  }

  Result<std::vector<Fd>> shared_entrances(const std::string& name) override {
    std::vector<Fd> out;
    for (const std::string& tree : trees()) BRIDLE_CHECK(add_entrance(tree + "/" + name, out));
    return out;
  }

  Status place(const std::string& uuid, const std::vector<pid_t>& vcpu_threads) override {
    for (const std::string& tree : threads_)
      for (const pid_t thread : vcpu_threads)
        BRIDLE_CHECK(fs_.write(tree + "/" + uuid + "/vcpu/tasks", std::to_string(thread)));
    return {};
  }

  Result<GroupUsage> usage(const std::string& uuid) override {
    GroupUsage usage;
    if (!cpuacct_.empty()) {
      BRIDLE_TRY(usage.vcpu_ns, number(cpuacct_ + "/" + uuid + "/vcpu/cpuacct.usage"));
      BRIDLE_TRY(usage.emulator_ns, number(cpuacct_ + "/" + uuid + "/emulator/cpuacct.usage"));
    }
    BRIDLE_TRY(usage.memory_bytes, number(memory_ + "/" + uuid + "/memory.usage_in_bytes"));
    if (!blkio_.empty()) add_block_io(blkio_ + "/" + uuid, usage);
    return usage;
  }

  // oom_kill counts also what died for want of memory on the whole host; failcnt, only here.
  OomKill oom_kill(const std::string& uuid) override {
    constexpr std::string_view key = "oom_kill ";
    const auto control = fs_.read(memory_ + "/" + uuid + "/memory.oom_control");
    if (!control.ok()) return OomKill::none;
    const size_t at = control->find(key);
    if (at == std::string::npos ||
        std::strtoull(control->c_str() + at + key.size(), nullptr, 10) == 0)
      return OomKill::none;
    const auto hits = number(memory_ + "/" + uuid + "/memory.failcnt");
    return hits.ok() && *hits != 0 ? OomKill::limit : OomKill::host;
  }

  std::vector<pid_t> members(const std::string& group) override {
    std::set<pid_t> found;
    for (const std::string& tree : trees()) collect(tree + "/" + group, found);
    return {found.begin(), found.end()};
  }

  std::vector<std::string> groups() override {
    std::set<std::string> found;
    for (const std::string& tree : trees())
      if (const auto names = fs_.groups(tree)) found.insert(names->begin(), names->end());
    return {found.begin(), found.end()};
  }

  Status remove(const std::string& group) override {
    for (const std::string& tree : trees()) {
      for (const char* part : {"/vcpu", "/emulator"})
        BRIDLE_CHECK(fs_.remove_group(tree + "/" + group + part));
      BRIDLE_CHECK(fs_.remove_group(tree + "/" + group));
    }
    return {};
  }

  Status remove_all() override {
    for (const std::string& tree : trees())
      if (const auto zones = fs_.groups(tree + "/switches"))
        for (const std::string& zone : *zones) BRIDLE_CHECK(remove("switches/" + zone));
    for (const std::string& group : groups()) BRIDLE_CHECK(remove(group));
    for (const std::string& tree : trees()) BRIDLE_CHECK(fs_.remove_group(tree));
    return {};
  }

 private:
  static std::string root(const CgroupMounts& mounts, const char* controller,
                          const std::string& name) {
    const std::string mount = mounts.v1_mount(controller);
    return mount.empty() ? "" : mount + "/" + name;
  }

  static void add_tree(const CgroupMounts& mounts, const char* controller, const std::string& name,
                       std::vector<std::string>& trees) {
    const std::string path = root(mounts, controller, name);
    if (!path.empty() && std::find(trees.begin(), trees.end(), path) == trees.end())
      trees.push_back(path);
  }

  std::vector<std::string> trees() const {
    std::vector<std::string> all = threads_;
    all.insert(all.end(), processes_.begin(), processes_.end());
    return all;
  }

  // The limit is the vCPUs'. The emulator keeps a core of its own, so that QMP answers for a guest
  // that uses up its limit, and a guest cannot take more than that core by I/O.
  Status apply_cpu(const std::string& group, const Limits& limits) {
    BRIDLE_CHECK(fs_.write(group + "/cpu.shares", std::to_string(v1_shares(limits))));
    const bool limited = limits.cpu_quota != 0;
    const uint64_t quota = std::max<uint64_t>(limits.cpu_quota * cpu_period_us / 1000, 1000);
    BRIDLE_CHECK(fs_.write(group + "/vcpu/cpu.cfs_period_us", std::to_string(cpu_period_us)));
    BRIDLE_CHECK(
        fs_.write(group + "/vcpu/cpu.cfs_quota_us", limited ? std::to_string(quota) : "-1"));
    return fs_.write(group + "/emulator/cpu.cfs_quota_us",
                     limited ? std::to_string(cpu_period_us) : "-1");
  }

  Status apply_memory(const std::string& group, const Limits& limits) {
    const auto text = [](uint64_t bytes) { return bytes == 0 ? "-1" : std::to_string(bytes); };
    BRIDLE_CHECK(fs_.write(group + "/memory.limit_in_bytes", text(limits.memory_limit)));
    return fs_.write(group + "/memory.soft_limit_in_bytes", text(limits.memory_reservation));
  }

  Status add_entrance(const std::string& group, std::vector<Fd>& out) {
    BRIDLE_TRY(Fd fd, fs_.open_for_join(group + "/tasks"));
    out.push_back(std::move(fd));
    return {};
  }

  Result<uint64_t> number(const std::string& path) {
    BRIDLE_TRY(const std::string text, fs_.read(path));
    return std::strtoull(text.c_str(), nullptr, 10);
  }

  // Lines "8:0 Read 4096" and "8:0 Write 0".
  void add_block_io(const std::string& group, GroupUsage& usage) {
    const auto text = fs_.read(group + "/blkio.throttle.io_service_bytes");
    if (!text) return;
    for (const auto& [word, sum] :
         {std::pair{" Read ", &usage.read_bytes}, std::pair{" Write ", &usage.write_bytes}})
      for (size_t at = text->find(word); at != std::string::npos; at = text->find(word, at + 1))
        *sum += std::strtoull(text->c_str() + at + std::string_view(word).size(), nullptr, 10);
  }

  void collect(const std::string& group, std::set<pid_t>& found) {
    if (const auto text = fs_.read(group + "/cgroup.procs")) {
      const char* at = text->c_str();
      char* end = nullptr;
      for (long pid = std::strtol(at, &end, 10); end != at; pid = std::strtol(at, &end, 10)) {
        if (pid > 0) found.insert(static_cast<pid_t>(pid));
        at = end;
      }
    }
    if (const auto names = fs_.groups(group))
      for (const std::string& name : *names) collect(group + "/" + name, found);
  }

  CgroupFs& fs_;
  std::vector<std::string> threads_, processes_;  // trees with and without vcpu, emulator
  std::string cpu_, cpuacct_, memory_, pids_, blkio_;
};

}  // namespace

std::unique_ptr<Cgroups> make_cgroups_v1(CgroupFs& fs, const CgroupMounts& mounts,
                                         const std::string& name) {
  return std::make_unique<CgroupsV1>(fs, mounts, name);
}

}  // namespace bridle::jail
