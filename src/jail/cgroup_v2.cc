// Version 2: one tree. A guest's group is a threaded domain: memory, threads and block I/O are
// counted at the guest, CPU below it for vcpu and emulator, which are threaded groups.
#include <algorithm>
#include <set>

#include "jail/cgroup.h"

namespace bridle::jail {
namespace {

constexpr const char* shared_groups[] = {"attendants", "helpers", "switches"};

class CgroupsV2 final : public Cgroups {
 public:
  CgroupsV2(CgroupFs& fs, const std::string& mount, const std::string& name)
      : fs_(fs), mount_(mount), top_(mount + "/" + name) {}

  Status prepare() override {
    BRIDLE_CHECK(enable(mount_));
    BRIDLE_CHECK(fs_.make_group(top_));
    BRIDLE_CHECK(enable(top_));
    for (const char* group : shared_groups) BRIDLE_CHECK(fs_.make_group(top_ + "/" + group));
    BRIDLE_CHECK(enable(top_ + "/switches"));
    BRIDLE_CHECK(fs_.write(top_ + "/helpers/memory.max", std::to_string(helper_memory())));
    return fs_.write(top_ + "/helpers/pids.max", std::to_string(helper_pids));
  }

  Status create_guest(const std::string& uuid, const Limits& limits) override {
    const std::string group = top_ + "/" + uuid;
    BRIDLE_CHECK(fs_.make_group(group));
    for (const char* part : {"/vcpu", "/emulator"}) {
      BRIDLE_CHECK(fs_.make_group(group + part));
      BRIDLE_CHECK(fs_.write(group + part + "/cgroup.type", "threaded"));
    }
    BRIDLE_CHECK(fs_.write(group + "/cgroup.subtree_control", "+cpu"));
    return apply(uuid, limits);
  }

  Status create_plain(const std::string& name, const Limits& limits) override {
    const std::string group = top_ + "/" + name;
    BRIDLE_CHECK(fs_.make_group(group));
    const uint64_t quota = std::max<uint64_t>(limits.cpu_quota * cpu_period_us / 1000, 1000);
    const std::string most = limits.cpu_quota == 0 ? "max" : std::to_string(quota);
    const auto text = [](uint64_t bytes) { return bytes == 0 ? "max" : std::to_string(bytes); };
    BRIDLE_CHECK(fs_.write(group + "/cpu.weight", std::to_string(v2_weight(limits))));
    BRIDLE_CHECK(fs_.write(group + "/cpu.max", most + " " + std::to_string(cpu_period_us)));
    BRIDLE_CHECK(fs_.write(group + "/memory.max", text(limits.memory_limit)));
    BRIDLE_CHECK(fs_.write(group + "/memory.low", std::to_string(limits.memory_reservation)));
    const uint32_t pids = limits.pids == 0 ? default_pids : limits.pids;
    return fs_.write(group + "/pids.max", std::to_string(pids));
  }

  Status apply(const std::string& uuid, const Limits& limits) override {
    const std::string group = top_ + "/" + uuid;
    const bool limited = limits.cpu_quota != 0;
    const uint64_t quota = std::max<uint64_t>(limits.cpu_quota * cpu_period_us / 1000, 1000);
    const std::string period = " " + std::to_string(cpu_period_us);
    const auto text = [](uint64_t bytes) { return bytes == 0 ? "max" : std::to_string(bytes); };
    BRIDLE_CHECK(fs_.write(group + "/cpu.weight", std::to_string(v2_weight(limits))));
    BRIDLE_CHECK(fs_.write(group + "/vcpu/cpu.max",
                           (limited ? std::to_string(quota) : std::string("max")) + period));
    // A core of its own for the emulator, as in version 1.
    BRIDLE_CHECK(
        fs_.write(group + "/emulator/cpu.max",
                  (limited ? std::to_string(cpu_period_us) : std::string("max")) + period));
    BRIDLE_CHECK(fs_.write(group + "/memory.max", text(limits.memory_limit)));
    BRIDLE_CHECK(fs_.write(group + "/memory.low", std::to_string(limits.memory_reservation)));
    const uint32_t pids = limits.pids == 0 ? default_pids : limits.pids;
    return fs_.write(group + "/pids.max", std::to_string(pids));
  }

  Result<std::vector<Fd>> guest_entrances(const std::string& uuid) override {
    return entrance(top_ + "/" + uuid + "/emulator");
  }

  Result<std::vector<Fd>> shared_entrances(const std::string& name) override {
    return entrance(top_ + "/" + name);
  }

  Status place(const std::string& uuid, const std::vector<pid_t>& vcpu_threads) override {
    for (const pid_t thread : vcpu_threads)
      BRIDLE_CHECK(fs_.write(top_ + "/" + uuid + "/vcpu/cgroup.threads", std::to_string(thread)));
    return {};
  }

  Result<GroupUsage> usage(const std::string& uuid) override {
    const std::string group = top_ + "/" + uuid;
    GroupUsage usage;
    BRIDLE_TRY(const std::string vcpu, fs_.read(group + "/vcpu/cpu.stat"));
    BRIDLE_TRY(const std::string emulator, fs_.read(group + "/emulator/cpu.stat"));
    BRIDLE_TRY(const std::string memory, fs_.read(group + "/memory.current"));
    usage.vcpu_ns = sum_after(vcpu, "usage_usec ") * 1000;
    usage.emulator_ns = sum_after(emulator, "usage_usec ") * 1000;
    usage.memory_bytes = std::strtoull(memory.c_str(), nullptr, 10);
    if (const auto io = fs_.read(group + "/io.stat")) {
      usage.read_bytes = sum_after(*io, "rbytes=");
      usage.write_bytes = sum_after(*io, "wbytes=");
    }
    return usage;
  }

  // "oom" counts only what the group's own limit was to blame for.
  OomKill oom_kill(const std::string& uuid) override {
    const auto events = fs_.read(top_ + "/" + uuid + "/memory.events");
    if (!events.ok() || sum_after(*events, "oom_kill ") == 0) return OomKill::none;
    return sum_after(*events, "oom ") != 0 ? OomKill::limit : OomKill::host;
  }

  std::vector<pid_t> members(const std::string& group) override {
    std::set<pid_t> found;
    collect(top_ + "/" + group, found);
    return {found.begin(), found.end()};
  }

  std::vector<std::string> groups() override {
    auto names = fs_.groups(top_);
    return names ? *std::move(names) : std::vector<std::string>{};
  }

  Status remove(const std::string& group) override {
    for (const char* part : {"/vcpu", "/emulator", ""})
      BRIDLE_CHECK(fs_.remove_group(top_ + "/" + group + part));
    return {};
  }

  Status remove_all() override {
    if (const auto zones = fs_.groups(top_ + "/switches"))
      for (const std::string& zone : *zones) BRIDLE_CHECK(remove("switches/" + zone));
    for (const std::string& group : groups()) BRIDLE_CHECK(remove(group));
    return fs_.remove_group(top_);
  }

 private:
  // io is absent in some containers: a guest without I/O figures is better than none.
  Status enable(const std::string& group) {
    BRIDLE_CHECK(fs_.write(group + "/cgroup.subtree_control", "+cpu +memory +pids"));
    (void)fs_.write(group + "/cgroup.subtree_control", "+io").ok();
    return {};
  }

  // cgroup.procs of a threaded group moves the whole process into its domain and this group.
  Result<std::vector<Fd>> entrance(const std::string& group) {
    BRIDLE_TRY(Fd fd, fs_.open_for_join(group + "/cgroup.procs"));
    std::vector<Fd> out;
    out.push_back(std::move(fd));
    return out;
  }

  static uint64_t sum_after(const std::string& text, std::string_view key) {
    uint64_t sum = 0;
    for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1))
      sum += std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
    return sum;
  }

  // A threaded group's cgroup.procs cannot be read; its domain's lists every process below.
  void collect(const std::string& group, std::set<pid_t>& found) {
    const auto text = fs_.read(group + "/cgroup.procs");
    if (!text) return;
    const char* at = text->c_str();
    char* end = nullptr;
    for (long pid = std::strtol(at, &end, 10); end != at; pid = std::strtol(at, &end, 10)) {
      if (pid > 0) found.insert(static_cast<pid_t>(pid));
      at = end;
    }
  }

  CgroupFs& fs_;
  std::string mount_, top_;
};

}  // namespace

std::unique_ptr<Cgroups> make_cgroups_v2(CgroupFs& fs, const std::string& mount,
                                         const std::string& name) {
  return std::make_unique<CgroupsV2>(fs, mount, name);
}

}  // namespace bridle::jail
