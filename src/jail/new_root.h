// NewRoot: the small file system that QEMU or an image helper sees instead of the host's.
//
// How it works. Trees are taken (open_tree) while the process still is in the host's mount
// namespace, for the kernel refuses to copy mounts across namespaces. In the child's own namespace
// a tmpfs is made, filled, entered with pivot_root, and the host's tree is detached: nothing of the
// host is left but what was taken.
//
//   NewRoot root;
//   BRIDLE_CHECK(root.take("/usr", "usr", NewRoot::read_only));        // parent's namespace
//   … fork_into(CLONE_NEWNS | …) …
//   BRIDLE_CHECK(root.enter());                                        // child
//   BRIDLE_CHECK(root.attach_taken());
//   BRIDLE_CHECK(root.make_device("dev/null", 1, 3, 0666, 0));
//   BRIDLE_CHECK(root.finish());                                       // read-only from here
//
// Thread class: a value; one thread.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "jail/protocol.h"

namespace bridle::jail {

class NewRoot {
 public:
  enum class Access { read_only, writable };

  // A file or folder of the host, to appear at `where` (relative, parents are made). nosuid and
  // nodev always.
  Status take(const std::string& path, const std::string& where, Access access);
  Status take(int fd, const std::string& where, Access access);
  // One that somebody else opened, read-only. Code::refused unless it is a regular file: a folder
  // would bring a whole tree, a socket or device somebody to talk to.
  Status take_file(int fd, const std::string& where);
  // What bridled handed over, by use: bound files appear at g/0, g/1, … by their place among all.
  Status take_given(const std::vector<Fd>& files, const std::vector<FileUse>& uses);

  // REQUIRES: root in a mount namespace of its own. Afterwards "/" is the new root, writable.
  Status enter();
  // What was taken appears. After make_scratch("tmp") for a root that may itself lie below /tmp.
  Status attach_taken();
  Status link(const std::string& target, const std::string& where);
  Status make_folder(const std::string& where, mode_t mode, uid_t owner);
  Status make_device(const std::string& where, unsigned major, unsigned minor, mode_t mode,
                     uid_t owner);
  // A tmpfs that the owner may write; options as "size=1g".
  Status make_scratch(const std::string& where, const std::string& size, uid_t owner);
  Status mount_proc();
  // A hugetlbfs of the host's ordinary huge pages that the owner alone may use.
  Status mount_huge_pages(const std::string& where, uid_t owner);
  // Links of a merged-/usr system and the devices that any program expects.
  Status furnish();
  Status finish();

 private:
  struct Tree {
    Fd fd;
    std::string where;
    bool is_folder;
  };
  Status attach(const Tree& tree);

  std::vector<Tree> trees_;
};

}  // namespace bridle::jail
