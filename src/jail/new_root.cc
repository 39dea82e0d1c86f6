#include "jail/new_root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "jail/process.h"

namespace bridle::jail {
namespace {

Status make_parents(const std::string& where) {
  const size_t slash = where.rfind('/');
  if (slash == std::string::npos) return {};
  const std::string parent = where.substr(0, slash);
  BRIDLE_CHECK(make_parents(parent));
  return bridle::make_folder("/" + parent, 0755);
}

}  // namespace

Status NewRoot::take(const std::string& path, const std::string& where, Access access) {
  BRIDLE_TRY(const Fd fd, open_file(path, O_PATH));
  return take(fd.get(), where, access).context(path);
}

Status NewRoot::take(int fd, const std::string& where, Access access) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat");
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  Fd tree(static_cast<int>(::syscall(SYS_open_tree, fd, "", flags)));
  if (!tree)
    return errno_error("taking " + where + " (it must be a file of the host's own mounts)");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (access == Access::read_only) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  attributes.propagation = MS_PRIVATE;
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) !=
      0)
    return errno_error("restricting " + where);
  trees_.push_back({std::move(tree), where, S_ISDIR(st.st_mode)});
  return {};
}

Status NewRoot::take_file(int fd, const std::string& where) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat");
  if (!S_ISREG(st.st_mode))
    return Error(Code::refused, where + ": only a regular file may be bound");
  return take(fd, where, Access::read_only);
}

Status NewRoot::take_given(const std::vector<Fd>& files, const std::vector<FileUse>& uses) {
  for (size_t i = 0; i < files.size(); ++i) {
    const int fd = files[i].get();
    if (uses[i] == FileUse::inherit) BRIDLE_CHECK(check_inheritable(fd));
    if (uses[i] == FileUse::bind) BRIDLE_CHECK(take_file(fd, "g/" + std::to_string(i)));
  }
  return {};
}

Status NewRoot::attach(const Tree& tree) {
  const std::string path = "/" + tree.where;
  BRIDLE_CHECK(make_parents(tree.where));
  if (tree.is_folder) {
    BRIDLE_CHECK(bridle::make_folder(path, 0755));
  } else {
    BRIDLE_TRY(const Fd file, open_file(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0444));
  }
  if (::syscall(SYS_move_mount, tree.fd.get(), "", AT_FDCWD, path.c_str(),
                MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return errno_error("attaching " + path);
  return {};
}

Status NewRoot::enter() {
  ::umask(022);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return errno_error("making mounts private");
  // Any folder serves to mount the new root on: it is seen by this process only.
  if (::mount("bridle", "/tmp", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=1m") != 0)
    return errno_error("mounting the new root on /tmp");
  if (::chdir("/tmp") != 0) return errno_error("entering the new root");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno_error("pivot_root");
  if (::umount2(".", MNT_DETACH) != 0) return errno_error("leaving the host's root");
  if (::chdir("/") != 0) return errno_error("chdir");
  return {};
}

Status NewRoot::attach_taken() {
  for (const Tree& tree : trees_) BRIDLE_CHECK(attach(tree));
  trees_.clear();
  return {};
}

Status NewRoot::link(const std::string& target, const std::string& where) {
  BRIDLE_CHECK(make_parents(where));
  if (::symlink(target.c_str(), ("/" + where).c_str()) != 0) return errno_error("/" + where);
  return {};
}

Status NewRoot::make_folder(const std::string& where, mode_t mode, uid_t owner) {
  BRIDLE_CHECK(make_parents(where));
  const std::string path = "/" + where;
  BRIDLE_CHECK(bridle::make_folder(path, mode));
  if (::chown(path.c_str(), owner, owner) != 0 || ::chmod(path.c_str(), mode) != 0)
    return errno_error(path);
  return {};
}

Status NewRoot::make_device(const std::string& where, unsigned major_number, unsigned minor_number,
                            mode_t mode, uid_t owner) {
  BRIDLE_CHECK(make_parents(where));
  const std::string path = "/" + where;
  if (::mknod(path.c_str(), S_IFCHR | mode, makedev(major_number, minor_number)) != 0)
    return errno_error(path);
  if (::chmod(path.c_str(), mode) != 0 || ::chown(path.c_str(), owner, owner) != 0)
    return errno_error(path);
  return {};
}

Status NewRoot::make_scratch(const std::string& where, const std::string& size, uid_t owner) {
  BRIDLE_CHECK(make_parents(where));
  const std::string path = "/" + where;
  BRIDLE_CHECK(bridle::make_folder(path, 0755));
  const std::string options = "mode=1777," + size;
  if (::mount("scratch", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return errno_error("mounting " + path);
  if (::chown(path.c_str(), owner, owner) != 0) return errno_error(path);
  return {};
}

Status NewRoot::mount_proc() {
  BRIDLE_CHECK(bridle::make_folder("/proc", 0555));
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return errno_error("mounting /proc");
  return {};
}

Status NewRoot::mount_huge_pages(const std::string& where, uid_t owner) {
  const std::string path = "/" + where, id = std::to_string(owner);
  BRIDLE_CHECK(bridle::make_folder(path, 0755));
  const std::string options = "mode=0700,uid=" + id + ",gid=" + id;
  if (::mount("pages", path.c_str(), "hugetlbfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return errno_error("mounting " + path);
  return {};
}

Status NewRoot::furnish() {
  for (const char* name : {"bin", "sbin", "lib", "lib64"})
    BRIDLE_CHECK(link(std::string("usr/") + name, name));
  BRIDLE_CHECK(make_device("dev/null", 1, 3, 0666, 0));
  BRIDLE_CHECK(make_device("dev/zero", 1, 5, 0666, 0));
  return make_device("dev/urandom", 1, 9, 0444, 0);
}

Status NewRoot::finish() {
  if (::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC,
              nullptr) != 0)
    return errno_error("making the new root read-only");
  return {};
}

}  // namespace bridle::jail
