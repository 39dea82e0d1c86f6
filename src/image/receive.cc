#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/units.h"
#include "image/import_steps.h"

namespace bridle::image {
namespace {

constexpr uint64_t kept_free = 256 << 20;  // bytes that an upload leaves on the disk

Status check_room(int upload, uint64_t missing) {
  struct statvfs fs {};
  if (::fstatvfs(upload, &fs) != 0) return errno_error("the uploads' file system");
  const uint64_t free = uint64_t{fs.f_bavail} * fs.f_frsize;
  if (free >= missing && free - missing >= kept_free) return {};
  return Error(Code::exhausted, "the host's disk has " + format_bytes(free >> 20 << 20) +
                                    " free and the upload still needs " + format_bytes(missing) +
                                    " and " + format_bytes(kept_free) +
                                    " beside it; delete images or volumes first");
}

// Digests the first `count` bytes, which came with an earlier connection.
Status digest_kept(int upload, uint64_t count, Sha256Stream& digest) {
  std::string chunk(1 << 20, '\0');
  for (uint64_t at = 0; at < count;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(chunk.size(), count - at));
    const ssize_t n = ::pread(upload, chunk.data(), wanted, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errno_error("reading what was uploaded");
    digest.update({chunk.data(), static_cast<size_t>(n)});
    at += static_cast<uint64_t>(n);
  }
  return {};
}

Result<size_t> read_some(int connection, std::string& chunk, size_t most, Duration patience) {
  pollfd wait{connection, POLLIN, 0};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  if (::poll(&wait, 1, static_cast<int>(ms)) == 0)
    return Error(Code::unreachable, "the upload stalled; run the same command again to go on");
  const ssize_t n = ::read(connection, chunk.data(), std::min(chunk.size(), most));
  if (n > 0) return static_cast<size_t>(n);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return size_t{0};
  return Error(Code::unreachable,
               "the upload was interrupted; run the same command again to go on");
}

Status take(int connection, int upload, const ReceiveOptions& options, const Progress& progress) {
  struct stat st {};
  if (::fstat(upload, &st) != 0) return errno_error("the upload's file");
  uint64_t have = static_cast<uint64_t>(st.st_size);
  if (have > options.size) {
    have = 0;
    BRIDLE_CRASH_POINT("upload.cut");
    if (::ftruncate(upload, 0) != 0) return errno_error("the upload's file");
  }
  BRIDLE_CHECK(check_room(upload, options.size - have));
  Sha256Stream digest;
  BRIDLE_CHECK(digest_kept(upload, have, digest));
  BRIDLE_CHECK(write_all(connection, "bridle-upload 1 " + std::to_string(have) + "\n")
                   .context("greeting the caller"));
  if (::lseek(upload, static_cast<off_t>(have), SEEK_SET) < 0) return errno_error("seek");
  std::string chunk(256 << 10, '\0');
  uint64_t shown = have;
  while (have < options.size) {
    BRIDLE_TRY(const size_t n, read_some(connection, chunk, options.size - have, options.patience));
    BRIDLE_CHECK(write_all(upload, {chunk.data(), n}).context("keeping the upload"));
    digest.update({chunk.data(), n});
    have += n;
    if (have - shown < options.size / 100 && have != options.size) continue;
    shown = have;
    progress(static_cast<int>(have * 100 / options.size),
             "received " + format_bytes(have >> 10 << 10) + " of " + format_bytes(options.size));
  }
  BRIDLE_CRASH_POINT("upload.sync");
  if (::fsync(upload) != 0) return errno_error("keeping the upload");
  if (hex(digest.finish()) == options.digest) return {};
  BRIDLE_CRASH_POINT("upload.discard");
  if (::ftruncate(upload, 0) != 0) return errno_error("the upload's file");
  return Error(Code::corrupt,
               "what came has another digest than spec.source.digest says: it was "
               "changed on the way or while it was read; import it again");
}

}  // namespace

Status receive(int connection, int upload, const ReceiveOptions& options,
               const Progress& progress) {
  const Status status = take(connection, upload, options, progress);
  // Whoever does not read his answer any more needs none.
  (void)write_all(connection, status.ok() ? "done\n" : error_line(status.error())).ok();
  return status;
}

}  // namespace bridle::image
