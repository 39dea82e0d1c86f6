#include <unistd.h>

#include "base/crash_point.h"
#include "base/units.h"
#include "image/import_steps.h"
#include "image/qemu_img.h"

namespace bridle::image {
namespace {

// The disk inside of the upload.
std::string source_words(int upload, const DiskExtent& extent, DiskFormat format) {
  json::object part{{"driver", "raw"},
                    {"offset", extent.offset},
                    {"size", extent.size},
                    {"file", file_node(upload)}};
  return "json:" + json::serialize(disk_node(format, std::move(part)));
}

}  // namespace

Result<ConvertResult> convert(int upload, int disk, const ConvertOptions& options,
                              const Progress& progress) {
  BRIDLE_TRY(const FileSource file, FileSource::of(upload));
  progress(0, "checking the file");
  BRIDLE_TRY(ImportSubject subject, find_disk(file, options.words));
  const FileSource inside(upload, subject.extent.offset, subject.extent.size);
  BRIDLE_TRY(const DiskFacts facts, check_disk(inside, subject.format, options.limits));
  // The disk is written here, then copied into the store.
  BRIDLE_CHECK(check_room(disk, 2 * facts.data, "import"));
  progress(0, "converting " + format_bytes(facts.data) + " of " +
                  std::string(format_name(subject.format)));
  BRIDLE_CHECK(run_conversion(
      {source_words(upload, subject.extent, subject.format), disk, DiskFormat::qcow2, facts}));
  BRIDLE_CRASH_POINT("convert.sync");
  if (::fsync(disk) != 0) return errno_error("keeping the disk");
  ConvertResult out = std::move(subject.result);
  out.notes.insert(out.notes.end(), facts.warnings.begin(), facts.warnings.end());
  return out;
}

}  // namespace bridle::image
