#include "image/qemu_img.h"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "base/child.h"
#include "base/units.h"

namespace bridle::image {
namespace {

constexpr uint64_t kept_free = 256 << 20;  // bytes that a conversion leaves on the disk
constexpr auto least_time = std::chrono::minutes(2);
constexpr uint64_t slowest = 4 << 20;  // bytes a second that a conversion must reach

std::string descriptor_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// qcow2 needs at most an entry of 8 bytes for each cluster, and its reference counts; a vmdk less.
uint64_t most_bytes(const Conversion& work) {
  const DiskFacts& facts = work.facts;
  if (work.to == DiskFormat::raw) return facts.virtual_size;
  return facts.data + facts.data / 64 + facts.virtual_size / 4096 + (64 << 20);
}

}  // namespace

json::object file_node(int fd) {
  return {{"driver", "file"}, {"filename", descriptor_path(fd)}, {"locking", "off"}};
}

json::object disk_node(DiskFormat format, json::object file) {
  json::object disk{{"driver", format_name(format)}, {"file", std::move(file)}};
  if (format != DiskFormat::raw) disk["backing"] = nullptr;
  return disk;
}

Status check_room(int fd, uint64_t bytes, std::string_view what) {
  struct statvfs fs {};
  if (::fstatvfs(fd, &fs) != 0) return errno_error("the disk's file system");
  const uint64_t free = uint64_t{fs.f_bavail} * fs.f_frsize;
  const uint64_t needed = bytes + kept_free;
  if (free >= needed) return {};
  return Error(Code::exhausted, "the host's disk has " + format_bytes(free >> 20 << 20) +
                                    " free and the " + std::string(what) + " needs up to " +
                                    format_bytes(needed >> 20 << 20) +
                                    "; delete images or volumes first");
}

Status run_conversion(const Conversion& work) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) return errno_error("limiting the disk's size");
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(limit.rlim_max, most_bytes(work));
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return errno_error("limiting the disk's size");
  ChildSpec spec;
  spec.argv = {"/usr/bin/qemu-img", "convert", "-q", "-O", std::string(format_name(work.to))};
  if (work.to == DiskFormat::vmdk)
    spec.argv.insert(spec.argv.end(), {"-o", "subformat=streamOptimized"});
  spec.argv.insert(spec.argv.end(), {work.source, descriptor_path(work.output)});
  spec.timeout = least_time + std::chrono::seconds(work.facts.data / slowest);
  const auto ran = run_child(spec);
  if (ran.ok()) return {};
  if (ran.error().code() == Code::exhausted) return ran.error();
  return Error(Code::corrupt,
               "the disk could not be converted; it is damaged: " + ran.error().message());
}

}  // namespace bridle::image
