// What a start needs, and why it cannot be yet.
#include "fleet/machine_loop.h"
#include "fleet/references.h"

namespace bridle::fleet {
namespace {

using model::Kind;

Blocked waits(std::string reason, std::string message) {
  return {std::move(reason), std::move(message), false};
}
Blocked fails(std::string reason, std::string message) {
  return {std::move(reason), std::move(message), true};
}

// What the guest has open or is about to. A guest that was adopted and whose start is not known is
// taken to have what its spec names.
const std::vector<model::Disk>& disks_of(const Guest& guest) {
  return guest.launched.empty() ? guest.spec.disks : guest.launch.spec.disks;
}

// The disk by which this guest has the volume; null: it has not.
const model::Disk* disk_in_use(const Guest& guest, std::string_view project,
                               std::string_view volume) {
  if (guest.state == machine::State::off) return nullptr;
  std::string prefix = "machine/" + std::string(project) + "/";
  if (guest.ref.compare(0, prefix.size(), prefix) != 0) return nullptr;
  for (const model::Disk& disk : disks_of(guest))
    if (disk.volume == volume) return &disk;
  return nullptr;
}

}  // namespace

std::string MachineLoop::user_of_volume(std::string_view project, std::string_view volume) const {
  for (const Uuid& uuid : afoot_) {
    const Guest& guest = guests_.at(uuid);
    if (disk_in_use(guest, project, volume) != nullptr) return guest.ref;
  }
  return "";
}

std::optional<MachineLoop::OpenDisk> MachineLoop::open_disk(std::string_view project,
                                                            std::string_view volume) const {
  for (const Uuid& uuid : afoot_) {
    const Guest& guest = guests_.at(uuid);
    const model::Disk* disk = disk_in_use(guest, project, volume);
    if (disk == nullptr) continue;
    const bool up = guest.monitor_up && machine::lives(guest.state);
    const auto index = static_cast<size_t>(disk - disks_of(guest).data());
    return OpenDisk{&guest, index, !disk->read_only, up};
  }
  return std::nullopt;
}

void MachineLoop::hold_volume(const std::string& ref, bool held) {
  if (held)
    held_volumes_.insert(ref);
  else
    held_volumes_.erase(ref);
}

std::optional<Blocked> MachineLoop::plan(const Guest& guest, const Row& row, Launch& launch) const {
  const model::Metadata& meta = row.object.metadata;
  launch.name = meta.name;
  launch.project = meta.project;
  launch.id = {guest.uuid, guest.status.machine_generation};
  launch.slot = guest.status.slot;
  launch.engine = context_.host.engine;
  launch.spec = guest.spec;
  launch.pinned = guest.status.pinned;
  if (!guest.spec.image.empty()) {
    const Row* image = find_image(objects_, meta.project, guest.spec.image);
    if (image == nullptr)
      return fails("ImageMissing", "there is no image " + guest.spec.image + " in project " +
                                       meta.project + " or shared; apply it, then build it");
    Result<model::ImageStatus> status = model::image_status(image->object.status);
    if (!status.ok() || status->kernel.digest.empty())
      if (!status.ok() || status->disk.digest.empty())
        return waits("ImageNotReady", image->ref + " is not built yet; bridle image build " +
                                          image->object.metadata.name);
    if (Status enough = check_image(guest.spec, image->ref, *status); !enough.ok())
      return fails("TooLittleMemory", enough.error().message());
    launch.image = std::move(*status);
  }
  if (auto blocked = plan_disks(guest, launch)) return blocked;
  if (auto blocked = plan_secrets(guest, launch)) return blocked;
  return plan_admission(guest);
}

std::optional<Blocked> MachineLoop::plan_disks(const Guest& guest, Launch& launch) const {
  for (const model::Disk& disk : guest.spec.disks) {
    std::string ref = model::ref(Kind::volume, launch.project, disk.volume);
    const Row* volume = objects_.find(ref);
    if (volume == nullptr || volume->deleting())
      return fails("VolumeMissing", "there is no " + ref + "; apply it");
    Result<model::VolumeStatus> status = model::volume_status(volume->object.status);
    if (!status.ok() || status->phase != "ready")
      return waits("VolumeNotReady", ref + " is not ready yet");
    if (held_volumes_.contains(ref)) return waits("VolumeNotReady", ref + " is being resized");
    for (const Uuid& uuid : afoot_) {
      const Guest& other = guests_.at(uuid);
      if (other.uuid == guest.uuid) continue;
      const model::Disk* theirs = disk_in_use(other, launch.project, disk.volume);
      if (theirs != nullptr && !(theirs->read_only && disk.read_only))
        return waits("VolumeInUse", ref + " is in use by " + other.ref);
    }
    launch.disks.push_back({disk, std::move(*status)});
  }
  return std::nullopt;
}

std::optional<Blocked> MachineLoop::plan_secrets(const Guest& guest, Launch& launch) const {
  if (!guest.spec.seed) return std::nullopt;
  for (const model::SeedUser& user : guest.spec.seed->users) {
    const std::string& wanted = user.password_secret;
    if (wanted.empty()) continue;
    size_t cut = wanted.find('/');
    std::string ref = model::ref(Kind::secret, launch.project, wanted.substr(0, cut));
    const Row* secret = objects_.find(ref);
    if (secret == nullptr)
      return fails("SecretMissing", ref + " does not exist; user " + user.name +
                                        " takes the password from it; apply it");
    const model::json::value* data = secret->object.spec.if_contains("data");
    const model::json::value* value =
        data == nullptr || !data->is_object() || cut == std::string::npos
            ? nullptr
            : data->get_object().if_contains(wanted.substr(cut + 1));
    if (value == nullptr || !value->is_string())
      return fails("SecretMissing", ref + " has no key " +
                                        (cut == std::string::npos ? "" : wanted.substr(cut + 1)) +
                                        "; apply it");
    launch.secrets.push_back({wanted, std::string(value->get_string())});
  }
  return std::nullopt;
}

std::optional<Blocked> MachineLoop::plan_admission(const Guest& guest) const {
  if (Status shape = check_shape(guest.spec, context_.host); !shape.ok())
    return fails("NoCapacity", shape.error().message());
  std::vector<Holding> held;
  for (const Uuid& uuid : afoot_) {
    const Guest& other = guests_.at(uuid);
    if (other.uuid == guest.uuid) continue;
    bool between = other.retry_at && !other.held && other.spec.power != model::Power::stopped;
    if (other.state == State::off && !between) continue;
    held.push_back(holding_of(other.ref, other.spec, context_.host));
  }
  Status fits = admit(holding_of(guest.ref, guest.spec, context_.host), held, context_.host);
  if (!fits.ok()) return fails("NoCapacity", fits.error().message());
  return std::nullopt;
}

}  // namespace bridle::fleet
