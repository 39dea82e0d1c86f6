#include "image/volume.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "base/units.h"
#include "image/manifest.h"

namespace bridle::image {
namespace {

constexpr uint64_t sector = 512;
constexpr uint64_t largest_volume = uint64_t{64} << 40;

uint64_t size_of(const VolumeRequest& r) {
  const uint64_t size = r.size == 0 ? r.backing_size : r.size;
  return (size + sector - 1) / sector * sector;
}

Status make_raw(const std::string& path, uint64_t size) {
  BRIDLE_TRY(const Fd fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  BRIDLE_CRASH_POINT("volume.size");
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return errno_error(path);
  BRIDLE_CRASH_POINT("volume.sync_raw");
  if (::fsync(fd.get()) != 0) return errno_error(path);
  return {};
}

Status make_qcow2(const Layout& layout, const std::string& path, const VolumeRequest& request) {
  ChildSpec spec;
  spec.argv = {"/usr/bin/qemu-img", "create", "-q", "-u", "-f", "qcow2"};
  if (!request.backing.empty()) {
    spec.argv.insert(spec.argv.end(),
                     {"-F", request.backing_format, "-b", layout.parts() + "/" + request.backing});
  }
  spec.argv.push_back(path);
  spec.argv.push_back(std::to_string(size_of(request)));
  spec.timeout = std::chrono::seconds(30);
  BRIDLE_TRY(const auto ran, run_child(spec));
  BRIDLE_TRY(const Fd fd, open_file(path, O_RDONLY));
  BRIDLE_CRASH_POINT("volume.sync_qcow2");
  if (::fsync(fd.get()) != 0) return errno_error(path);
  return {};
}

}  // namespace

Status check_volume(const VolumeRequest& r) {
  if (r.format != "qcow2" && r.format != "raw")
    return Error(Code::invalid, "spec.format: expected qcow2 or raw");
  if (!r.backing.empty()) {
    if (!is_digest(r.backing)) return Error(Code::invalid, "the backing is not a digest");
    if (r.backing_format != "qcow2" && r.backing_format != "raw")
      return Error(Code::invalid, "the backing's format is not known");
    if (r.format != "qcow2")
      return Error(Code::invalid, "spec.format: a volume over an image is qcow2");
    if (r.size != 0 && r.size < r.backing_size)
      return Error(Code::invalid,
                   "spec.size: smaller than the image's disk of " + format_bytes(r.backing_size));
  }
  if (size_of(r) == 0) return Error(Code::invalid, "spec.size: a volume with no image needs one");
  if (size_of(r) > largest_volume) return Error(Code::invalid, "spec.size: more than 64TiB");
  return {};
}

std::string volume_path(const Layout& layout, const Uuid& uuid, const std::string& format) {
  return volume_path(layout, uuid.text() + "." + format);
}

std::string volume_path(const Layout& layout, const std::string& file) {
  return layout.volumes() + "/" + file;
}

Result<Volume> create_volume(const Layout& layout, const Uuid& uuid, const VolumeRequest& request) {
  BRIDLE_CHECK(check_volume(request));
  const Volume volume{volume_path(layout, uuid, request.format), size_of(request)};
  if (::access(volume.path.c_str(), F_OK) == 0) return volume;
  const std::string draft = volume.path + ".incomplete";
  BRIDLE_CHECK(remove_file(draft));
  const Status made =
      request.format == "raw" ? make_raw(draft, volume.size) : make_qcow2(layout, draft, request);
  if (!made.ok()) {
    (void)remove_file(draft).ok();
    return made.error();
  }
  BRIDLE_CRASH_POINT("volume.rename");
  if (::rename(draft.c_str(), volume.path.c_str()) != 0) return errno_error(volume.path);
  BRIDLE_CHECK(sync_folder(layout.volumes()));
  return volume;
}

namespace {

Result<uint64_t> virtual_size(const std::string& path, const std::string& format) {
  if (format == "raw") {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return errno_error(path);
    return static_cast<uint64_t>(st.st_size);
  }
  // The size is a field of the header, at a fixed place (version 2 and 3): nothing is followed.
  BRIDLE_TRY(const Fd file, open_file(path, O_RDONLY));
  std::string header(32, '\0');
  if (::pread(file.get(), header.data(), header.size(), 0) != 32 ||
      header.substr(0, 4) != "QFI\xfb")
    return Error(Code::corrupt, path + " is not qcow2");
  uint64_t size = 0;
  for (size_t i = 24; i < 32; ++i) size = size << 8 | static_cast<uint8_t>(header[i]);
  return size;
}

}  // namespace

Status grow_volume(const Layout& layout, const Uuid& uuid, const std::string& format,
                   uint64_t size) {
  const std::string path = volume_path(layout, uuid, format);
  BRIDLE_TRY(const uint64_t before, virtual_size(path, format));
  if (before == size) return {};
  if (before > size)
    return Error(Code::refused, "the volume has " + format_bytes(before) + " and never shrinks");
  if (size > largest_volume) return Error(Code::invalid, "spec.size: more than 64TiB");
  ChildSpec spec;
  spec.argv = {"/usr/bin/qemu-img", "resize", "-q", "-f", format, path, std::to_string(size)};
  spec.timeout = std::chrono::seconds(30);
  BRIDLE_TRY(const auto ran, run_child(spec));
  BRIDLE_TRY(const Fd fd, open_file(path, O_RDONLY));
  BRIDLE_CRASH_POINT("volume.sync_grown");
  if (::fsync(fd.get()) != 0) return errno_error(path);
  return {};
}

Status delete_volume(const Layout& layout, const Uuid& uuid) {
  for (const char* format : {"qcow2", "raw", "qcow2.incomplete", "raw.incomplete"})
    BRIDLE_CHECK(remove_file(volume_path(layout, uuid, format)));
  return sync_folder(layout.volumes());
}

}  // namespace bridle::image
