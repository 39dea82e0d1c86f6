// Both versions of cgroups against a tree in memory that refuses what a kernel refuses: files of
// controllers that are not there, groups that are not empty.
#include "jail/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <map>
#include <set>

namespace bridle::jail {
namespace {

class FakeFs final : public CgroupFs {
 public:
  std::set<std::string> groups_made;
  std::map<std::string, std::string> files;  // what was written, or is to be read

  Status make_group(const std::string& path) override {
    groups_made.insert(path);
    return {};
  }
  Status remove_group(const std::string& path) override {
    const auto below = groups_made.lower_bound(path + "/");
    if (below != groups_made.end() && below->starts_with(path + "/"))
      return Error(Code::conflict, path + " has groups below");
    groups_made.erase(path);
    return {};
  }
  Status write(const std::string& path, const std::string& value) override {
    BRIDLE_CHECK(check(path));
    files[path] = value;
    return {};
  }
  Result<std::string> read(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return Error(Code::not_found, path);
    return found->second;
  }
  Result<std::vector<std::string>> groups(const std::string& path) override {
    std::vector<std::string> names;
    for (const std::string& group : groups_made)
      if (group.starts_with(path + "/") && group.find('/', path.size() + 1) == std::string::npos)
        names.push_back(group.substr(path.size() + 1));
    return names;
  }
  Result<Fd> open_for_join(const std::string& path) override {
    BRIDLE_CHECK(check(path));
    joins.push_back(path);
    return Fd(::memfd_create("join", MFD_CLOEXEC));
  }
  std::vector<std::string> joins;

 private:
  Status check(const std::string& path) {
    const std::string group = path.substr(0, path.rfind('/'));
    const bool root = group.starts_with("/c") && group.find('/', 1) == std::string::npos;
    if (!root && !groups_made.contains(group)) return Error(Code::not_found, path);
    return {};
  }
};

constexpr const char* mounts_text =
    "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
    "cgroup /c/cpu cgroup rw,relatime,cpu,cpuacct 0 0\n"
    "cgroup /c/memory cgroup rw,memory 0 0\n"
    "cgroup /c/pids cgroup rw,pids 0 0\n"
    "cgroup2 /c2 cgroup2 rw 0 0\n";
constexpr Limits limits{2000, 250, 1 << 30, 1 << 20, 0, 3000};

TEST(CgroupMounts, ReadsBothVersions) {
  const CgroupMounts mounts = parse_cgroup_mounts(mounts_text);
  EXPECT_EQ(mounts.v1_mount("cpuacct"), "/c/cpu");
  EXPECT_EQ(mounts.v1_mount("memory"), "/c/memory");
  EXPECT_EQ(mounts.v1_mount("blkio"), "");
  EXPECT_EQ(mounts.v2, "/c2");
  EXPECT_TRUE(parse_cgroup_mounts("cgroup\n\nx y cgroup").v1.empty());
}

TEST(CgroupWeights, ScaleAndKeepTheReservationAsAFloor) {
  EXPECT_EQ(v1_shares({}), 1024u);
  EXPECT_EQ(v1_shares({.cpu_shares = 3000}), 3072u);
  EXPECT_EQ(v1_shares({.cpu_shares = 1}), 2u);
  EXPECT_EQ(v1_shares({.cpu_shares = 1000, .cpu_reservation = 2000}), 2048u);
  EXPECT_EQ(v1_shares({.cpu_shares = 1'000'000}), 262144u);
  EXPECT_EQ(v2_weight({}), 100u);
  EXPECT_EQ(v2_weight({.cpu_shares = 1}), 1u);
  EXPECT_EQ(v2_weight({.cpu_shares = 1'000'000}), 10000u);
}

TEST(VcpuNames, AreQemus) {
  for (const char* name : {"CPU 0/TCG", "CPU 12/KVM", "ALL CPUs/TCG"})
    EXPECT_TRUE(is_vcpu_name(name)) << name;
  for (const char* name : {"qemu-system-x86", "CPU /TCG", "CPU x/TCG", "CPU 0", "worker", ""})
    EXPECT_FALSE(is_vcpu_name(name)) << name;
}

TEST(CgroupsV1, WritesLimitsToEachTreeOnce) {
  FakeFs fs;
  auto groups = make_cgroups_v1(fs, parse_cgroup_mounts(mounts_text), "b");
  ASSERT_TRUE(groups->prepare().ok());
  ASSERT_TRUE(groups->create_guest("u", limits).ok());
  EXPECT_EQ(fs.files["/c/cpu/b/u/cpu.shares"], "3072");
  EXPECT_EQ(fs.files["/c/cpu/b/u/vcpu/cpu.cfs_quota_us"], "25000");
  EXPECT_EQ(fs.files["/c/cpu/b/u/emulator/cpu.cfs_quota_us"], "100000");
  EXPECT_EQ(fs.files["/c/memory/b/u/memory.limit_in_bytes"], "1073741824");
  EXPECT_EQ(fs.files["/c/memory/b/u/memory.soft_limit_in_bytes"], "1048576");
  EXPECT_EQ(fs.files["/c/pids/b/u/pids.max"], "256");
  EXPECT_EQ(fs.files["/c/pids/b/helpers/pids.max"], "1024");
  EXPECT_EQ(fs.files["/c/memory/b/helpers/memory.limit_in_bytes"], std::to_string(helper_memory()));
  ASSERT_TRUE(groups->apply("u", {}).ok());
  EXPECT_EQ(fs.files["/c/cpu/b/u/vcpu/cpu.cfs_quota_us"], "-1");
  EXPECT_EQ(fs.files["/c/memory/b/u/memory.limit_in_bytes"], "-1");
  ASSERT_TRUE(groups->guest_entrances("u").ok());
  EXPECT_EQ(fs.joins, (std::vector<std::string>{"/c/cpu/b/u/emulator/tasks", "/c/memory/b/u/tasks",
                                                "/c/pids/b/u/tasks"}));
  ASSERT_TRUE(groups->place("u", {41, 42}).ok());
  EXPECT_EQ(fs.files["/c/cpu/b/u/vcpu/tasks"], "42");
}

TEST(CgroupsV1, ReadsUsageAndMembers) {
  FakeFs fs;
  auto mounts = parse_cgroup_mounts(std::string(mounts_text) + "x /c/blkio cgroup blkio 0 0\n");
  auto groups = make_cgroups_v1(fs, mounts, "b");
  ASSERT_TRUE(groups->prepare().ok());
  ASSERT_TRUE(groups->create_guest("u", limits).ok());
  EXPECT_FALSE(groups->usage("u").ok());
  fs.files["/c/cpu/b/u/vcpu/cpuacct.usage"] = "500\n";
  fs.files["/c/cpu/b/u/emulator/cpuacct.usage"] = "70\n";
  fs.files["/c/memory/b/u/memory.usage_in_bytes"] = "4096\n";
  fs.files["/c/blkio/b/u/blkio.throttle.io_service_bytes"] =
      "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\n8:16 Read 5\nTotal 35\n";
  const auto usage = groups->usage("u");
  ASSERT_TRUE(usage.ok());
  EXPECT_EQ(usage->vcpu_ns, 500u);
  EXPECT_EQ(usage->emulator_ns, 70u);
  EXPECT_EQ(usage->memory_bytes, 4096u);
  EXPECT_EQ(usage->read_bytes, 15u);
  EXPECT_EQ(usage->write_bytes, 20u);
  EXPECT_EQ(groups->oom_kill("u"), OomKill::none);
  fs.files["/c/memory/b/u/memory.oom_control"] = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n";
  fs.files["/c/memory/b/u/memory.failcnt"] = "0\n";
  EXPECT_EQ(groups->oom_kill("u"), OomKill::host);
  fs.files["/c/memory/b/u/memory.failcnt"] = "31\n";
  EXPECT_EQ(groups->oom_kill("u"), OomKill::limit);
  fs.files["/c/memory/b/u/memory.oom_control"] = "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n";
  EXPECT_EQ(groups->oom_kill("u"), OomKill::none);
  fs.files["/c/cpu/b/u/vcpu/cgroup.procs"] = "12\n13\n";
  fs.files["/c/memory/b/u/cgroup.procs"] = "13\n0\n";
  EXPECT_EQ(groups->members("u"), (std::vector<pid_t>{12, 13}));
}

TEST(CgroupsV2, MakesAThreadedSubtree) {
  FakeFs fs;
  auto groups = make_cgroups_v2(fs, "/c2", "b");
  ASSERT_TRUE(groups->prepare().ok());
  ASSERT_TRUE(groups->create_guest("u", limits).ok());
  EXPECT_EQ(fs.files["/c2/b/u/vcpu/cgroup.type"], "threaded");
  EXPECT_EQ(fs.files["/c2/b/helpers/pids.max"], "1024");
  EXPECT_EQ(fs.files["/c2/b/helpers/memory.max"], std::to_string(helper_memory()));
  EXPECT_EQ(fs.files["/c2/b/u/emulator/cgroup.type"], "threaded");
  EXPECT_EQ(fs.files["/c2/b/u/cgroup.subtree_control"], "+cpu");
  EXPECT_EQ(fs.files["/c2/b/u/cpu.weight"], "300");
  EXPECT_EQ(fs.files["/c2/b/u/vcpu/cpu.max"], "25000 100000");
  EXPECT_EQ(fs.files["/c2/b/u/memory.max"], "1073741824");
  EXPECT_EQ(fs.files["/c2/b/u/memory.low"], "1048576");
  ASSERT_TRUE(groups->apply("u", {}).ok());
  EXPECT_EQ(fs.files["/c2/b/u/vcpu/cpu.max"], "max 100000");
  EXPECT_EQ(fs.files["/c2/b/u/memory.max"], "max");
  ASSERT_TRUE(groups->guest_entrances("u").ok());
  EXPECT_EQ(fs.joins, (std::vector<std::string>{"/c2/b/u/emulator/cgroup.procs"}));
  ASSERT_TRUE(groups->place("u", {7}).ok());
  EXPECT_EQ(fs.files["/c2/b/u/vcpu/cgroup.threads"], "7");
  fs.files["/c2/b/u/vcpu/cpu.stat"] = "usage_usec 5\nuser_usec 3\n";
  fs.files["/c2/b/u/emulator/cpu.stat"] = "usage_usec 2\n";
  fs.files["/c2/b/u/memory.current"] = "8192\n";
  fs.files["/c2/b/u/io.stat"] = "8:0 rbytes=1 wbytes=2 rios=9\n8:16 rbytes=10 wbytes=20\n";
  const auto usage = groups->usage("u");
  ASSERT_TRUE(usage.ok());
  EXPECT_EQ(groups->oom_kill("u"), OomKill::none);
  fs.files["/c2/b/u/memory.events"] = "low 0\nhigh 0\nmax 3\noom 0\noom_kill 1\n";
  EXPECT_EQ(groups->oom_kill("u"), OomKill::host);
  fs.files["/c2/b/u/memory.events"] = "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n";
  EXPECT_EQ(groups->oom_kill("u"), OomKill::limit);
  EXPECT_EQ(usage->vcpu_ns, 5000u);
  EXPECT_EQ(usage->emulator_ns, 2000u);
  EXPECT_EQ(usage->read_bytes, 11u);
  EXPECT_EQ(usage->write_bytes, 22u);
}

TEST(Cgroups, RemoveAllLeavesNothing) {
  FakeFs fs;
  const auto mounts = parse_cgroup_mounts(mounts_text);
  for (auto& groups :
       {make_cgroups_v1(fs, mounts, "b").release(), make_cgroups_v2(fs, "/c2", "b").release()}) {
    const std::unique_ptr<Cgroups> owned(groups);
    ASSERT_TRUE(owned->prepare().ok());
    ASSERT_TRUE(owned->create_guest("u", {}).ok());
    ASSERT_TRUE(owned->create_plain("switches/7", limits).ok());
    EXPECT_THAT(owned->groups(), ::testing::ElementsAre("attendants", "helpers", "switches", "u"));
    ASSERT_TRUE(owned->remove_all().ok());
    EXPECT_TRUE(fs.groups_made.empty());
  }
}

}  // namespace
}  // namespace bridle::jail
