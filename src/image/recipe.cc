#include "image/recipe.h"

namespace bridle::image {
namespace {

const std::vector<std::string>& virtio_modules() {
  static const std::vector<std::string> modules = {"virtio_ring",
                                                   "virtio",
                                                   "virtio_pci_modern_dev",
                                                   "virtio_pci_legacy_dev",
                                                   "virtio_pci",
                                                   "virtio_blk",
                                                   "failover",
                                                   "net_failover",
                                                   "virtio_net",
                                                   "virtio_console",
                                                   "virtio-rng",
                                                   "virtio_balloon",
                                                   "button",
                                                   "evdev",
                                                   "cdrom",
                                                   "isofs"};
  return modules;
}

// Debian's Essential set: what every maintainer script may use without saying so.
const std::vector<std::string>& essential() {
  static const std::vector<std::string> packages = {"base-files",     "base-passwd",
                                                    "bash",           "bsdutils",
                                                    "coreutils",      "dash",
                                                    "debianutils",    "diffutils",
                                                    "dpkg",           "findutils",
                                                    "grep",           "gzip",
                                                    "hostname",       "init-system-helpers",
                                                    "libc-bin",       "login",
                                                    "ncurses-base",   "ncurses-bin",
                                                    "perl-base",      "sed",
                                                    "sysvinit-utils", "tar",
                                                    "util-linux"};
  return packages;
}

Recipe tiny() {
  Recipe r;
  r.name = "tiny";
  r.summary = "Debian's cloud kernel and a busybox initramfs with Bridle's agent: no disk";
  r.modules = virtio_modules();
  r.initrd_files = {{"agent", "sbin/bridle-guest-agent", 0755},
                    {"tiny/inittab", "etc/inittab", 0644},
                    {"tiny/rc", "etc/rc", 0755},
                    {"tiny/profile", "etc/profile", 0644},
                    {"tiny/power-off", "sbin/bridle-power-off", 0755},
                    {"common/seed", "sbin/bridle-seed", 0755},
                    {"common/network", "sbin/bridle-network", 0755},
                    {"common/dhcp", "sbin/bridle-dhcp", 0755}};
  // The kernel's self-tests of its ciphers cost a third of a second under TCG. From level 5
  // (notice) on, its log is shown: the banner comes first and is what start-up is timed by.
  r.kernel_arguments = "console=ttyS0 loglevel=6 cryptomgr.notests";
  // With 72 MiB its kernel panics for want of memory; with 80 it leaves 20 MB free.
  r.least_memory = uint64_t{80} << 20;
  r.ignores_users = true;  // busybox's login knows root only
  return r;
}

Recipe debian() {
  Recipe r;
  r.name = "debian";
  r.summary = "minimal Debian 12 with ssh, apt, Bridle's agent and seed reader";
  r.packages = essential();
  for (const char* name :
       {"openssh-server", "apt", "debian-archive-keyring", "busybox-static", "kmod", "iproute2",
        "iputils-ping", "passwd", "mawk", "mount", "procps", "e2fsprogs", "netbase"})
    r.packages.emplace_back(name);
  r.modules = virtio_modules();
  r.initrd_files = {{"debian/initrd", "init", 0755}};
  r.tree_files = {{"agent", "usr/sbin/bridle-guest-agent", 0755},
                  {"debian/inittab", "etc/inittab", 0644},
                  {"debian/rc", "etc/bridle/rc", 0755},
                  {"debian/console", "etc/bridle/console", 0755},
                  {"debian/sshd", "etc/bridle/sshd", 0755},
                  {"debian/sshd.conf", "etc/ssh/sshd_config.d/bridle.conf", 0644},
                  {"common/seed", "usr/sbin/bridle-seed", 0755},
                  {"common/network", "usr/sbin/bridle-network", 0755},
                  {"common/dhcp", "usr/sbin/bridle-dhcp", 0755}};
  r.disk_size = uint64_t{2} << 30;
  r.kernel_arguments = "console=ttyS0 loglevel=6 cryptomgr.notests root=/dev/vda rw";
  return r;
}

}  // namespace

const std::vector<Recipe>& all_recipes() {
  static const std::vector<Recipe> recipes = {tiny(), debian()};
  return recipes;
}

Result<const Recipe*> find_recipe(std::string_view name) {
  std::string known;
  for (const Recipe& recipe : all_recipes()) {
    if (recipe.name == name) return &recipe;
    known += (known.empty() ? "" : ", ") + recipe.name;
  }
  return Error(Code::not_found,
               "no recipe is called \"" + std::string(name) + "\"; there are: " + known);
}

}  // namespace bridle::image
