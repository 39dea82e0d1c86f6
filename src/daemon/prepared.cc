#include "daemon/prepared.h"

#include "daemon/firmware.h"
#include "daemon/tpm_key.h"
#include "image/seed_iso.h"
#include "image/take_in.h"
#include "image/volume.h"

namespace bridle::daemon {

namespace {

machine::DiskPlan disk_plan(const Layout& layout, const fleet::DiskSource& source) {
  const model::VolumeStatus& volume = source.volume;
  machine::DiskPlan plan;
  plan.name = source.disk.name;
  plan.read_only = source.disk.read_only;
  const std::string format = volume.path.ends_with(".raw") ? "raw" : "qcow2";
  plan.layers.push_back({image::volume_path(layout, volume.path), format});
  if (!volume.backing.empty())
    plan.layers.push_back({image::part_path(layout, volume.backing), volume.backing_format});
  return plan;
}

void add_kernel(const Layout& layout, const model::ImageStatus& image, machine::LaunchPlan& plan) {
  if (!image.kernel.digest.empty()) plan.kernel = image::part_path(layout, image.kernel.digest);
  if (!image.initrd.digest.empty()) plan.initrd = image::part_path(layout, image.initrd.digest);
  plan.kernel_arguments = image.kernel_arguments;
}

}  // namespace

// qcow2: tables and counts are under a thousandth; what a killed QEMU leaks is the rest.
uint64_t largest_file(const std::string& path, uint64_t size) {
  return path.ends_with(".raw") ? size : size + size / 16 + (64 << 20);
}

Result<machine::LaunchPlan> launch_plan(const Layout& layout, const fleet::Launch& launch) {
  const auto engine = machine::engine_from_name(launch.engine);
  if (!engine) return Error(Code::internal, "no engine is called \"" + launch.engine + "\"");
  machine::LaunchPlan plan;
  plan.uuid = launch.id.uuid;
  plan.name = launch.project + "/" + launch.name;
  plan.spec = launch.spec;
  plan.pinned = launch.pinned;
  plan.engine = *engine;
  if (launch.spec.boot == model::Boot::kernel) add_kernel(layout, launch.image, plan);
  for (const auto& source : launch.disks) plan.disks.push_back(disk_plan(layout, source));
  if (launch.spec.seed || !launch.spec.raw.user_data.empty())
    plan.seed_iso = image::seed_iso_path(layout, launch.id.uuid);
  if (launch.spec.firmware != model::Firmware::bios) {
    plan.firmware_code = machine::firmware_files(launch.spec.firmware).code;
    plan.firmware_vars = variables_path(layout, launch.id.uuid);
  }
  if (launch.spec.tpm) plan.tpm_key = tpm_secret_path(layout);
  return plan;
}

}  // namespace bridle::daemon
