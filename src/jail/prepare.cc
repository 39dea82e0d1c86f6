#include "jail/prepare.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/file.h"

namespace bridle::jail {
namespace {

Status check_passable(const std::string& root) {
  for (size_t slash = root.find('/', 1); slash != std::string::npos;
       slash = root.find('/', slash + 1)) {
    const std::string above = root.substr(0, slash);
    struct stat st {};
    if (::stat(above.c_str(), &st) == 0 && (st.st_mode & S_IXOTH) == 0)
      return Error(Code::refused, above +
                                      " cannot be entered by other users, Bridle's own among "
                                      "them: choose another --root, or chmod o+x " +
                                      above);
  }
  return {};
}

struct Folder {
  std::string path;
  mode_t mode;
  uid_t owner;
  gid_t group;
};

Status make(const Folder& folder) {
  BRIDLE_CRASH_POINT("root.mkdir");
  if (::mkdir(folder.path.c_str(), folder.mode) != 0 && errno != EEXIST)
    return errno_error(folder.path);
  BRIDLE_TRY(const Fd fd, open_file(folder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (::fchown(fd.get(), folder.owner, folder.group) != 0 || ::fchmod(fd.get(), folder.mode) != 0)
    return errno_error(folder.path);
  return {};
}

// Half of a root is no root: backup::restore leaves this folder when it is killed.
Status refuse_half_restored(const Layout& layout) {
  const std::string mark = layout.root() + "/restore.incomplete";
  if (::access(mark.c_str(), F_OK) != 0) return {};
  return Error(Code::refused, mark +
                                  " is there: a restore was interrupted; run the same bridle "
                                  "restore again");
}

}  // namespace

Status prepare_root(const Layout& layout) {
  if (::geteuid() != 0) return Error(Code::unauthorized, "this must be run as root");
  BRIDLE_CHECK(refuse_half_restored(layout));
  ::umask(022);
  BRIDLE_CHECK(make_folders(layout.root(), 0755));
  BRIDLE_CHECK(check_passable(layout.root()));
  const uid_t daemon = layout.daemon_uid(), images = layout.images_uid();
  const uid_t builder = layout.namespace_uid(), fetch = layout.fetch_uid();
  const Folder folders[] = {
      {layout.root(), 0755, 0, 0},
      {layout.state(), 0700, daemon, daemon},
      {layout.images(), 0755, images, images},
      // The build helper's root is the group; what it leaves there store takes over.
      {layout.incoming(), 02770, images, builder},
      {layout.parts(), 0755, images, images},
      {layout.volumes(), 0700, daemon, daemon},
      {layout.volumes() + "/seeds", 0700, daemon, daemon},
      {layout.tpm(), 0711, 0, 0},
      {layout.cache(), 0755, fetch, fetch},
      {layout.run(), 01775, 0, daemon},
      {layout.guests(), 0711, 0, 0},
      {layout.switches(), 0711, 0, 0},
      {layout.switch_states(), 0711, 0, 0},
  };
  for (const Folder& folder : folders) BRIDLE_CHECK(make(folder));
  return {};
}

Result<Fd> lock_file(const std::string& path, int seconds) {
  BRIDLE_TRY(Fd fd, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  for (int tries = seconds * 20;; --tries) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno != EWOULDBLOCK) return errno_error(path);
    if (tries <= 0)
      return Error(Code::conflict, path + " is locked: another one serves this root already");
    ::usleep(50'000);
  }
}

Status write_pid_file(const Layout& layout, const std::string& name, const std::string& writer,
                      pid_t pid) {
  // The jail and its supervisor both write the jail's, perhaps at once: each by a name of its own,
  // which nobody else has, for each runs once. One that was killed left it to the next.
  const std::string path = layout.run() + "/" + name + ".pid";
  const std::string fresh = path + "." + writer;
  BRIDLE_CHECK(remove_file(fresh));
  BRIDLE_TRY(const Fd fd, open_file(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  BRIDLE_CHECK(write_all(fd.get(), std::to_string(pid) + "\n"));
  BRIDLE_CRASH_POINT("pid_file.rename");
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error(path);
  return {};
}

}  // namespace bridle::jail
