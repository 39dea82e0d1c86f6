#include "daemon/prepared.h"

namespace bridle::daemon {

std::string part_path(const Layout& layout, const std::string& digest) {
  return layout.parts() + "/" + digest;
}

std::string volume_path(const Layout& layout, const std::string& file) {
  return layout.volumes() + "/" + file;
}

std::string seed_path(const Layout& layout, const Uuid& uuid) {
  return layout.volumes() + "/seeds/" + uuid.text() + ".iso";
}

namespace {

machine::DiskPlan disk_plan(const Layout& layout, const fleet::DiskSource& source) {
  const model::VolumeStatus& volume = source.volume;
  machine::DiskPlan plan;
  plan.name = source.disk.name;
  plan.read_only = source.disk.read_only;
  const std::string format = volume.path.ends_with(".raw") ? "raw" : "qcow2";
  plan.layers.push_back({volume_path(layout, volume.path), format});
  if (!volume.backing.empty())
    plan.layers.push_back({part_path(layout, volume.backing), volume.backing_format});
  return plan;
}

}  // namespace

Result<machine::LaunchPlan> launch_plan(const Layout& layout, const fleet::Launch& launch) {
  const auto engine = machine::engine_from_name(launch.engine);
  if (!engine) return Error(Code::internal, "no engine is called \"" + launch.engine + "\"");
  machine::LaunchPlan plan;
  plan.uuid = launch.id.uuid;
  plan.name = launch.project + "/" + launch.name;
  plan.spec = launch.spec;
  plan.pinned = launch.pinned;
  plan.engine = *engine;
  if (!launch.image.kernel.digest.empty())
    plan.kernel = part_path(layout, launch.image.kernel.digest);
  if (!launch.image.initrd.digest.empty())
    plan.initrd = part_path(layout, launch.image.initrd.digest);
  plan.kernel_arguments = launch.image.kernel_arguments;
  for (const auto& source : launch.disks) plan.disks.push_back(disk_plan(layout, source));
  if (launch.spec.seed || !launch.spec.raw.user_data.empty())
    plan.seed_iso = seed_path(layout, launch.id.uuid);
  return plan;
}

}  // namespace bridle::daemon
