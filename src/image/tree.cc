#include "image/tree.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/child.h"
#include "base/file.h"

namespace bridle::image {
namespace {

namespace fs = std::filesystem;

// Scripts of packages see this and nothing of the host's environment.
const std::vector<std::string>& script_environment() {
  static const std::vector<std::string> environment = {
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
      "DEBCONF_NONINTERACTIVE_SEEN=true",   "HOME=/root",     "RUNLEVEL=1"};
  return environment;
}

// /dev/null and friends, bound from ours while scripts run, and a /proc. Undone at the end of life.
class ScriptMounts {
 public:
  explicit ScriptMounts(const std::string& folder) : folder_(folder) {}
  ScriptMounts(const ScriptMounts&) = delete;
  ScriptMounts& operator=(const ScriptMounts&) = delete;
  ~ScriptMounts() {
    for (auto at = mounted_.rbegin(); at != mounted_.rend(); ++at) {
      ::umount2(at->c_str(), MNT_DETACH);
      // No crash point: as for the rename below.
      if (at->find("/dev/") != std::string::npos) ::unlink(at->c_str());
    }
  }

  Status set_up() {
    BRIDLE_CHECK(make_folder(folder_ + "/dev", 0755));
    BRIDLE_CHECK(make_folder(folder_ + "/proc", 0755));
    for (const char* name : {"null", "zero", "full", "random", "urandom"})
      BRIDLE_CHECK(bind_device(name));
    // Not everywhere may a namespace mount one; scripts of the recipe's packages do without.
    const std::string proc = folder_ + "/proc";
    if (::mount("proc", proc.c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0)
      mounted_.push_back(proc);
    return {};
  }

 private:
  Status bind_device(const std::string& name) {
    const std::string from = "/dev/" + name, to = folder_ + "/dev/" + name;
    if (::access(from.c_str(), F_OK) != 0) return {};
    BRIDLE_TRY(const Fd made, open_file(to, O_WRONLY | O_CREAT, 0666));
    if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0)
      return errno_error("binding " + to);
    mounted_.push_back(to);
    return {};
  }

  const std::string& folder_;
  std::vector<std::string> mounted_;
};

// Debian's merged /usr, before anything is unpacked into it.
Status merge_usr(const std::string& folder) {
  BRIDLE_CHECK(make_folder(folder + "/usr", 0755));
  for (const std::string name : {"bin", "sbin", "lib", "lib64"}) {
    BRIDLE_CHECK(make_folder(folder + "/usr/" + name, 0755));
    if (::symlink(("usr/" + name).c_str(), (folder + "/" + name).c_str()) != 0)
      return errno_error("linking /" + name);
  }
  return {};
}

Status put(const std::string& path, std::string_view bytes, mode_t mode) {
  BRIDLE_CHECK(make_folders(fs::path(path).parent_path(), 0755));
  BRIDLE_CHECK(remove_file(path));
  BRIDLE_TRY(const Fd fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode));
  BRIDLE_CHECK(write_all(fd.get(), bytes).context(path));
  if (::fchmod(fd.get(), mode) != 0) return errno_error(path);
  return {};
}

// A first draft of what base-passwd and dpkg make of themselves, for scripts that run before.
Status prepare_for_dpkg(const std::string& folder) {
  for (const char* name : {"passwd", "group"}) {
    BRIDLE_TRY(const std::string text,
               read_file(folder + "/usr/share/base-passwd/" + name + ".master"));
    BRIDLE_CHECK(put(folder + "/etc/" + name, text, 0644));
  }
  BRIDLE_CHECK(make_folders(folder + "/var/lib/dpkg/info", 0755));
  BRIDLE_CHECK(make_folders(folder + "/var/lib/dpkg/updates", 0755));
  BRIDLE_CHECK(put(folder + "/var/lib/dpkg/status", "", 0644));
  BRIDLE_CHECK(put(folder + "/var/lib/dpkg/available", "", 0644));
  // Nothing may start a daemon in here.
  return put(folder + "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0755);
}

Status unpack_all(const std::string& folder, const std::vector<std::string>& archives,
                  const Progress& progress) {
  size_t done = 0;
  for (const std::string& archive : archives) {
    BRIDLE_TRY(const auto ran, run_child({.argv = {"/usr/bin/dpkg-deb", "-x", archive, folder},
                                          .timeout = std::chrono::minutes(5)}));
    ++done;
    progress(static_cast<int>(25 * done / archives.size()),
             "unpacking " + std::to_string(done) + "/" + std::to_string(archives.size()));
  }
  return {};
}

Status run_dpkg(const std::string& folder, const std::vector<std::string>& words,
                const std::function<void(std::string_view)>& on_line) {
  ChildSpec spec;
  spec.argv = {"/usr/bin/dpkg",   "--root=" + folder,  "--log=/dev/null",
               "--force-depends", "--force-unsafe-io", "--force-confnew"};
  spec.argv.insert(spec.argv.end(), words.begin(), words.end());
  spec.environment = script_environment();
  spec.timeout = std::chrono::minutes(20);
  spec.most_output = 8 << 20;
  spec.on_line = on_line;
  BRIDLE_TRY(const auto ran, run_child(spec));
  return {};
}

// Files that a copy of an image must not share or does not need.
Status remove_identity(const std::string& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder + "/etc/ssh"))
    if (entry.path().filename().string().starts_with("ssh_host_"))
      BRIDLE_CHECK(remove_file(entry.path()));
  for (const char* path :
       {"/usr/sbin/policy-rc.d", "/etc/resolv.conf", "/var/lib/dbus/machine-id",
        "/var/lib/dpkg/status-old", "/var/lib/dpkg/available-old", "/var/log/dpkg.log",
        "/var/log/bootstrap.log", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"})
    BRIDLE_CHECK(remove_file(folder + path));
  for (const char* path : {"/var/cache/apt", "/usr/share/doc", "/usr/share/man", "/usr/share/info",
                           "/var/cache/debconf"}) {
    BRIDLE_CHECK(remove_tree(folder + path));
    BRIDLE_CHECK(make_folder(folder + path, 0755));
  }
  return put(folder + "/etc/machine-id", "", 0444);
}

Status write_configuration(const std::string& folder) {
  struct Text {
    const char *path, *text;
    mode_t mode;
  };
  static constexpr Text texts[] = {
      {"/etc/hostname", "debian\n", 0644},
      {"/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n", 0644},
      {"/etc/fstab", "/dev/vda / ext4 defaults 0 1\n", 0644},
      {"/etc/resolv.conf", "", 0644},
      {"/etc/apt/sources.list.d/debian.sources",
       "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm bookworm-updates\n"
       "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
       "Types: deb\nURIs: http://deb.debian.org/debian-security\nSuites: bookworm-security\n"
       "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
       0644}};
  for (const Text& t : texts) BRIDLE_CHECK(put(folder + t.path, t.text, t.mode));
  return {};
}

Status link_init(const std::string& folder) {
  for (const std::string name : {"init", "poweroff", "reboot", "halt"}) {
    const std::string path = folder + "/usr/sbin/" + name;
    BRIDLE_CHECK(remove_file(path));
    if (::symlink("../bin/busybox", path.c_str()) != 0) return errno_error(path);
  }
  return {};
}

Status in_tree(const std::string& folder, std::vector<std::string> words) {
  words.insert(words.begin(), {"/usr/sbin/chroot", folder});
  BRIDLE_TRY(const auto ran, run_child({.argv = std::move(words),
                                        .environment = script_environment(),
                                        .timeout = std::chrono::minutes(5)}));
  return {};
}

Status add_modules(const std::string& folder, const std::string& kernel_modules) {
  BRIDLE_TRY(const auto versions, list_folder(kernel_modules));
  if (versions.size() != 1) return Error(Code::internal, "expected one kernel's modules");
  BRIDLE_CHECK(make_folders(folder + "/usr/lib/modules", 0755));
  const std::string to = folder + "/usr/lib/modules/" + versions[0];
  // No crash point: in the build's own scratch folder, which is discarded whole.
  if (::rename((kernel_modules + "/" + versions[0]).c_str(), to.c_str()) != 0)
    return errno_error("moving the kernel's modules");
  return in_tree(folder, {"/sbin/depmod", versions[0]});
}

}  // namespace

Status install_packages(const std::string& folder, const std::vector<std::string>& archives,
                        const Progress& progress) {
  BRIDLE_CHECK(merge_usr(folder));
  BRIDLE_CHECK(unpack_all(folder, archives, progress));
  BRIDLE_CHECK(prepare_for_dpkg(folder));
  ScriptMounts mounts(folder);
  BRIDLE_CHECK(mounts.set_up());
  size_t seen = 0;
  const size_t steps = 2 * archives.size();  // a line for unpacking and one for setting up
  const auto on_line = [&](std::string_view line) {
    if (!line.starts_with("Unpacking ") && !line.starts_with("Setting up ")) return;
    if (++seen <= steps) progress(25 + static_cast<int>(75 * seen / steps), std::string(line));
  };
  std::vector<std::string> words = {"--unpack"};
  words.insert(words.end(), archives.begin(), archives.end());
  BRIDLE_CHECK(run_dpkg(folder, words, on_line));
  // Others rely on these without saying so: Essential packages are configured first.
  BRIDLE_CHECK(
      run_dpkg(folder, {"--configure", "base-passwd", "base-files", "libc6", "dpkg"}, on_line));
  return run_dpkg(folder, {"--configure", "--pending"}, on_line);
}

Status finish_tree(const std::string& folder, const Recipe& recipe, const GuestFiles& files,
                   const std::string& kernel_modules) {
  BRIDLE_CHECK(remove_identity(folder));
  BRIDLE_CHECK(write_configuration(folder));
  BRIDLE_CHECK(link_init(folder));
  for (const RecipeFile& file : recipe.tree_files) {
    const auto found = files.find(file.guest_file);
    if (found == files.end()) return Error(Code::internal, "no guest file " + file.guest_file);
    BRIDLE_CHECK(put(folder + "/" + file.path, found->second, file.mode));
  }
  BRIDLE_CHECK(add_modules(folder, kernel_modules));
  return in_tree(folder, {"/usr/sbin/usermod", "--lock", "root"});
}

}  // namespace bridle::image
