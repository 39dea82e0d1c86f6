#include "daemon/exports.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/progress.h"
#include "image/volume.h"

namespace bridle::daemon {
namespace {

// QEMU's locks (its block/file-posix.c): byte 100 + I is held by who uses permission I, byte 200 +
// I by who lets nobody else use it.
constexpr off_t used = 100, refused = 200;
constexpr off_t reading = 0, writing = 1, resizing = 3;

struct flock byte_lock(short type, off_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

bool lock(int fd, off_t byte) {
  struct flock wanted = byte_lock(F_RDLCK, byte);
  return ::fcntl(fd, F_OFD_SETLK, &wanted) == 0;
}

bool is_free(int fd, off_t byte) {
  struct flock asked = byte_lock(F_WRLCK, byte);
  return ::fcntl(fd, F_OFD_GETLK, &asked) == 0 && asked.l_type == F_UNLCK;
}

Status lock_for_reading(int fd) {
  for (const off_t byte : {used + reading, refused + writing, refused + resizing})
    if (!lock(fd, byte)) return errno_error("locking the volume");
  for (const off_t byte : {refused + reading, used + writing, used + resizing})
    if (!is_free(fd, byte))
      return Error(Code::conflict, "a guest has the volume open; stop it first");
  return {};
}

Result<Fd> new_output(const Layout& layout, Random& random) {
  BRIDLE_CHECK(make_folder(layout.uploads(), 0700));
  const std::string path = layout.uploads() + "/" + Uuid::random(random).text() + ".disk";
  BRIDLE_TRY(Fd output, open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  BRIDLE_CHECK(remove_file(path));
  // For the helper's uid, whose only way to it is the descriptor.
  if (::fchmod(output.get(), 0666) != 0) return errno_error(path);
  return output;
}

}  // namespace

Result<Exports::Files> Exports::open_files(const model::VolumeStatus& volume) {
  Files files;
  const std::string path = image::volume_path(layout_, volume.path);
  BRIDLE_TRY(files.volume, open_file(path, O_RDONLY));
  BRIDLE_CHECK(lock_for_reading(files.volume.get()));
  // Opened again by the helper, by its descriptor; the folder is closed to everybody else.
  if (::fchmod(files.volume.get(), 0644) != 0) return errno_error(path);
  if (!volume.backing.empty()) {
    BRIDLE_TRY(files.backing, open_file(layout_.parts() + "/" + volume.backing, O_RDONLY));
  }
  BRIDLE_TRY(files.output, new_output(layout_, random_));
  return files;
}

Result<Fd> Exports::open(const model::VolumeStatus& volume, const std::string& to) {
  if (volume.phase != "ready" || volume.path.empty())
    return Error(Code::conflict, "the volume is not ready");
  if (exports_.size() >= most)
    return Error(Code::exhausted,
                 std::to_string(most) + " volumes are being exported; wait for the end of one");
  BRIDLE_TRY(Files files, open_files(volume));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_error("socketpair");
  files.connection = Fd(ends[0]);
  Fd ours(ends[1]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("socketpair");
  run(volume, to, std::move(files));
  return ours;
}

void Exports::run(const model::VolumeStatus& volume, const std::string& to, Files files) {
  std::vector<std::string> argv{"export", "--to", to, "--format",
                                volume.path.ends_with(".raw") ? "raw" : "qcow2"};
  std::vector<int> given{files.connection.get(), files.volume.get(), files.output.get()};
  if (files.backing.valid()) {
    argv.insert(argv.end(), {"--backing", volume.backing_format});
    given.push_back(files.backing.get());
  }
  const uint64_t key = ++last_;
  exports_[key] = std::move(files);
  // A helper that was never started has told the caller nothing.
  const auto line = [this, key](const std::string& text) {
    const auto said = image::parse_helper_line(text);
    const auto found = exports_.find(key);
    if (said && found != exports_.end()) found->second.connection = Fd();
  };
  const auto exit = [this, key](int status) {
    const auto node = exports_.extract(key);
    if (node.empty() || !node.mapped().connection.valid() || status == 0) return;
    const Error why = image::ended_without_reason(status);
    (void)write_all(node.mapped().connection.get(), image::error_line(why)).ok();
  };
  helpers_.run(jail::HelperKind::convert, argv, given, line, exit);
}

}  // namespace bridle::daemon
