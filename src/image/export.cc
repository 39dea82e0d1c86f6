#include "image/export.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/hash.h"
#include "base/units.h"
#include "image/qemu_img.h"

namespace bridle::image {
namespace {

std::string source_words(const ExportFiles& files, const ExportOptions& options) {
  json::object disk = disk_node(options.format, file_node(files.volume));
  if (options.backing) disk["backing"] = disk_node(*options.backing, file_node(files.backing));
  return "json:" + json::serialize(disk);
}

Result<DiskFacts> facts_of(const ExportFiles& files, const ExportOptions& options) {
  BRIDLE_TRY(const FileSource volume, FileSource::of(files.volume));
  BRIDLE_TRY(DiskFacts facts, check_disk(volume, options.format, options.limits));
  if (!options.backing) return facts;
  BRIDLE_TRY(const FileSource below, FileSource::of(files.backing));
  BRIDLE_TRY(const DiskFacts more,
             check_disk(below, *options.backing, {}).context("the image below it"));
  facts.data += more.data;
  return facts;
}

// Sends what was made. The connection is a stream whose reader may be slow.
Status send(int connection, int output) {
  struct stat st {};
  if (::fstat(output, &st) != 0) return errno_error("the converted volume");
  const auto size = static_cast<uint64_t>(st.st_size);
  const auto gone = [](Status status) -> Status {
    if (status.ok()) return {};
    return Error(Code::unreachable, "the caller went away: " + status.error().message());
  };
  BRIDLE_CHECK(gone(write_all(connection, "bridle-download 1 " + std::to_string(size) + "\n")));
  Sha256Stream digest;
  std::string chunk(256 << 10, '\0');
  for (uint64_t at = 0; at < size;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(chunk.size(), size - at));
    const ssize_t n = ::pread(output, chunk.data(), wanted, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errno_error("reading the converted volume");
    const std::string_view bytes(chunk.data(), static_cast<size_t>(n));
    digest.update(bytes);
    BRIDLE_CHECK(gone(write_all(connection, bytes)));
    at += bytes.size();
  }
  return gone(write_all(connection, "done " + hex(digest.finish()) + "\n"));
}

Status make(const ExportFiles& files, const ExportOptions& options, const Progress& progress) {
  progress(0, "checking the volume");
  BRIDLE_TRY(const DiskFacts facts, facts_of(files, options));
  if (options.to == DiskFormat::raw)
    BRIDLE_CHECK(check_size(facts.virtual_size, options.limits.data, "the volume, as raw bytes,"));
  BRIDLE_CHECK(check_room(files.output, facts.data, "export"));
  Conversion work{source_words(files, options), files.output, options.to, facts};
  progress(0, "converting " + format_bytes(facts.data));
  return run_conversion(work);
}

}  // namespace

Status export_disk(const ExportFiles& files, const ExportOptions& options,
                   const Progress& progress) {
  Status status = make(files, options, progress);
  if (status.ok()) status = send(files.connection, files.output);
  if (!status.ok() && status.error().code() != Code::unreachable)
    (void)write_all(files.connection, error_line(status.error())).ok();
  return status;
}

}  // namespace bridle::image
