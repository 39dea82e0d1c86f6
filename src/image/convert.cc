#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/child.h"
#include "base/crash_point.h"
#include "base/units.h"
#include "image/import_steps.h"

namespace bridle::image {
namespace {

namespace json = boost::json;

constexpr uint64_t kept_free = 256 << 20;  // bytes that a conversion leaves on the disk
constexpr auto least_time = std::chrono::minutes(2);
constexpr uint64_t slowest = 4 << 20;  // bytes a second that a conversion must reach

std::string descriptor_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// The disk inside of the upload, with every driver named: QEMU probes nothing and opens no other
// file, whatever the header says.
std::string source_words(int upload, const DiskExtent& extent, DiskFormat format) {
  const json::object file{
      {"driver", "file"}, {"filename", descriptor_path(upload)}, {"locking", "off"}};
  json::object part{
      {"driver", "raw"}, {"offset", extent.offset}, {"size", extent.size}, {"file", file}};
  json::object disk{{"driver", format_name(format)}, {"file", std::move(part)}};
  if (format != DiskFormat::raw) disk["backing"] = nullptr;
  return "json:" + json::serialize(disk);
}

// qcow2 needs at most an entry of 8 bytes for each cluster, and its reference counts.
uint64_t most_bytes(const DiskFacts& facts) {
  return facts.data + facts.data / 64 + facts.virtual_size / 4096 + (64 << 20);
}

// The disk is written here, then copied into the store.
Status check_room(int disk, const DiskFacts& facts) {
  struct statvfs fs {};
  if (::fstatvfs(disk, &fs) != 0) return errno_error("the disk's file system");
  const uint64_t free = uint64_t{fs.f_bavail} * fs.f_frsize;
  const uint64_t needed = 2 * facts.data + kept_free;
  if (free >= needed) return {};
  return Error(Code::exhausted, "the host's disk has " + format_bytes(free >> 20 << 20) +
                                    " free and the import needs up to " +
                                    format_bytes(needed >> 20 << 20) +
                                    "; delete images or volumes first");
}

Status run_qemu_img(const std::string& source, int disk, const DiskFacts& facts,
                    const Progress& progress) {
  const rlim_t most = most_bytes(facts);
  const rlimit limit{most, most};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return errno_error("limiting the disk's size");
  ChildSpec spec;
  spec.argv = {"/usr/bin/qemu-img", "convert", "-q", "-O", "qcow2", source, descriptor_path(disk)};
  spec.timeout = least_time + std::chrono::seconds(facts.data / slowest);
  progress(0, "converting " + format_bytes(facts.data) + " of " +
                  std::string(format_name(facts.format)));
  const auto ran = run_child(spec);
  if (ran.ok()) return {};
  if (ran.error().code() == Code::exhausted) return ran.error();
  return Error(Code::corrupt,
               "the disk could not be converted; it is damaged: " + ran.error().message());
}

}  // namespace

Result<ConvertResult> convert(int upload, int disk, const ConvertOptions& options,
                              const Progress& progress) {
  BRIDLE_TRY(const FileSource file, FileSource::of(upload));
  progress(0, "checking the file");
  BRIDLE_TRY(ImportSubject subject, find_disk(file, options.words));
  const FileSource inside(upload, subject.extent.offset, subject.extent.size);
  BRIDLE_TRY(const DiskFacts facts, check_disk(inside, subject.format, options.limits));
  BRIDLE_CHECK(check_room(disk, facts));
  BRIDLE_CHECK(
      run_qemu_img(source_words(upload, subject.extent, subject.format), disk, facts, progress));
  BRIDLE_CRASH_POINT("convert.sync");
  if (::fsync(disk) != 0) return errno_error("keeping the disk");
  ConvertResult out = std::move(subject.result);
  out.notes.insert(out.notes.end(), facts.warnings.begin(), facts.warnings.end());
  return out;
}

}  // namespace bridle::image
