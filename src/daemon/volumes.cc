#include "daemon/volumes.h"

#include <sys/stat.h>

#include "fleet/objects.h"
#include "image/volume.h"

namespace bridle::daemon {
namespace {

image::VolumeRequest request_of(const fleet::CreateVolume& action) {
  image::VolumeRequest request;
  request.format = action.spec.format;
  request.size = action.spec.size;
  if (!action.spec.image.empty()) {
    request.backing = action.image.disk.digest;
    request.backing_format = action.image.disk_format;
    request.backing_size = action.image.disk_virtual_size;
  }
  return request;
}

Result<model::VolumeStatus> make(const Layout& layout, const fleet::CreateVolume& action) {
  const image::VolumeRequest request = request_of(action);
  if (!action.spec.image.empty() && request.backing.empty())
    return Error(Code::invalid, "image \"" + action.spec.image + "\" has no disk to build on");
  BRIDLE_TRY(const image::Volume made, image::create_volume(layout, action.uuid, request));
  model::VolumeStatus status;
  status.phase = "ready";
  status.path = made.path.substr(made.path.rfind('/') + 1);
  status.backing = request.backing;
  status.backing_format = request.backing_format;
  status.size = made.size;
  return status;
}

}  // namespace

uint64_t may_grow(const Layout& layout, const fleet::Objects& objects) {
  constexpr uint64_t block = 512;  // of st_blocks, whatever the file system's own are
  uint64_t sum = 0;
  objects.each(model::Kind::volume, [&](const fleet::Row& row) {
    const auto status = model::volume_status(row.object.status);
    if (!status.ok() || status->path.empty()) return;
    struct stat seen {};
    if (::stat((layout.volumes() + "/" + status->path).c_str(), &seen) != 0) return;
    const uint64_t taken = static_cast<uint64_t>(seen.st_blocks) * block;
    if (status->size > taken) sum += status->size - taken;
  });
  return sum;
}

Volumes::Volumes(const Layout& layout, Worker& worker, Runner& runner)
    : layout_(layout), worker_(worker), runner_(runner) {
  runner_.handle<fleet::CreateVolume>([this](auto& a) { create(a); });
  runner_.handle<fleet::ResizeVolume>([this](auto& a) { resize(a); });
  runner_.handle<fleet::RemoveVolume>([this](auto& a) { remove(a); });
}

void Volumes::create(fleet::CreateVolume& action) {
  worker_.run([&layout = layout_, action] { return make(layout, action); },
              [this, token = action.token](Result<model::VolumeStatus> status) {
                runner_.tell(fleet::VolumeCreated{token, std::move(status)});
              });
}

void Volumes::resize(fleet::ResizeVolume& action) {
  worker_.run(
      [&layout = layout_, action] {
        const std::string format = action.path.ends_with(".raw") ? "raw" : "qcow2";
        return image::grow_volume(layout, action.uuid, format, action.size);
      },
      [this, token = action.token](Status status) {
        runner_.tell(fleet::VolumeResized{token, std::move(status)});
      });
}

void Volumes::remove(fleet::RemoveVolume& action) {
  worker_.run(
      [&layout = layout_, uuid = action.uuid] { return image::delete_volume(layout, uuid); },
      [this, token = action.token](Status status) {
        runner_.tell(fleet::VolumeRemoved{token, std::move(status)});
      });
}

}  // namespace bridle::daemon
