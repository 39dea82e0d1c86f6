#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/units.h"
#include "image/import_steps.h"

namespace bridle::image {
namespace {

// Copies all of `from` into `to`, and gives the digest of what was written.
Result<std::string> copy(int from, int to, uint64_t size, const Progress& progress) {
  Sha256Stream digest;
  std::string chunk(1 << 20, '\0');
  for (uint64_t at = 0; at < size;) {
    const ssize_t n = ::pread(from, chunk.data(), chunk.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading the converted disk");
    if (n == 0) return Error(Code::corrupt, "the converted disk became shorter");
    const std::string_view bytes(chunk.data(), static_cast<size_t>(n));
    digest.update(bytes);
    BRIDLE_CHECK(write_all(to, bytes).context("storing the disk"));
    at += bytes.size();
    if (at / (64 << 20) != (at - bytes.size()) / (64 << 20))
      progress(static_cast<int>(at * 100 / size), "storing the disk");
  }
  return hex(digest.finish());
}

// The copy, which nobody else can write any more, is what is checked and what is kept.
Result<AdoptResult> store(int disk, const Fd& draft, uint64_t size, const Progress& progress) {
  AdoptResult out;
  BRIDLE_TRY(out.disk.digest, copy(disk, draft.get(), size, progress));
  out.disk.size = size;
  const FileSource stored(draft.get(), 0, size);
  BRIDLE_TRY(const DiskFacts facts,
             check_disk(stored, DiskFormat::qcow2, {}).context("the converted disk"));
  out.virtual_size = facts.virtual_size;
  if (::fchmod(draft.get(), 0444) != 0) return errno_error("storing the disk");
  BRIDLE_CRASH_POINT("import.sync");
  if (::fsync(draft.get()) != 0) return errno_error("storing the disk");
  return out;
}

}  // namespace

Result<AdoptResult> adopt(const Layout& layout, int disk, const Progress& progress) {
  struct stat st {};
  if (::fstat(disk, &st) != 0) return errno_error("the converted disk");
  if (!S_ISREG(st.st_mode)) return Error(Code::corrupt, "the converted disk is no file");
  progress(0, "storing " + format_bytes(static_cast<uint64_t>(st.st_size)));
  BRIDLE_CHECK(make_folder(layout.parts(), 0755));
  const std::string path = layout.parts() + "/import-" + std::to_string(st.st_dev) + "-" +
                           std::to_string(st.st_ino) + ".incomplete";
  BRIDLE_CHECK(remove_file(path));
  BRIDLE_TRY(const Fd draft, open_file(path, O_RDWR | O_CREAT | O_EXCL, 0444));
  auto out = store(disk, draft, static_cast<uint64_t>(st.st_size), progress);
  Status kept;
  BRIDLE_CRASH_POINT("import.rename");
  if (out.ok() && ::rename(path.c_str(), (layout.parts() + "/" + out->disk.digest).c_str()) != 0)
    kept = errno_error("storing the disk");
  if (out.ok() && kept.ok()) kept = sync_folder(layout.parts());
  if (!out.ok() || !kept.ok()) (void)remove_file(path).ok();
  if (out.ok() && !kept.ok()) return kept.error();
  return out;
}

}  // namespace bridle::image
