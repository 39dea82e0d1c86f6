// What must be true when nothing breaks any more and everything has come to rest; and what is
// checked at every commit.
#include <algorithm>

#include "fleet/objects.h"
#include "model/image.h"
#include "model/machine.h"
#include "sim/host.h"

namespace bridle::sim {

using model::Kind;
using model::Object;
using model::Phase;
using model::Power;

namespace {

std::string text(const model::json::object& object, std::string_view key) {
  const model::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

bool flag(const model::json::object& object, std::string_view key) {
  const model::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

// Reasons that keep a machine off although it is wanted on, and are not its own failures.
bool is_blocked(std::string_view reason) {
  constexpr std::string_view reasons[] = {"ImageMissing",   "ImageNotReady", "VolumeMissing",
                                          "VolumeNotReady", "VolumeInUse",   "NoCapacity"};
  return std::find(std::begin(reasons), std::end(reasons), reason) != std::end(reasons);
}

}  // namespace

// Totals of usage never go back (but for what a dying host loses).
void Host::check_usage(const store::Write& write) {
  auto parts = model::parse_key(write.key);
  if (!parts || parts->kind != Kind::machine || !parts->is_status) return;
  if (write.kind == store::Write::Kind::remove) {
    usage_seen_.erase(write.key);
    return;
  }
  Result<model::MachineStatus> status =
      model::machine_status(model::json::parse(write.value).as_object());
  checks_.require(status.ok(), "a status cannot be read back");
  if (!status.ok()) return;
  uint64_t& seen = usage_seen_[write.key];
  checks_.require(status->usage.vcpu_ns >= seen, "usage of " + write.key + " went back");
  seen = std::max(seen, status->usage.vcpu_ns);
}

void Host::check_machine(const Object& machine) {
  std::string ref = model::ref(machine);
  Result<model::MachineSpec> spec = model::machine_spec(machine.spec);
  Result<model::MachineStatus> status = model::machine_status(machine.status);
  if (!spec.ok() || !status.ok()) return checks_.fail(ref + " cannot be read");
  checks_.require(!machine.metadata.deleting, ref + " is still being deleted");
  Qemu* qemu = jail_.alive(machine.metadata.uid);
  std::string is = qemu == nullptr ? "off" : qemu->paused ? "paused" : "running";
  bool held = flag(machine.status, "held");
  bool never_clean = status->reason == "PoweredOff" && spec->restart == model::Restart::always;
  checks_.require(!held || !never_clean, ref + " is held although it restarts always");
  bool on = spec->power != Power::stopped && !held && !is_blocked(status->reason);
  std::string wanted = on ? std::string(model::name(spec->power)) : "off";
  checks_.require(is == wanted,
                  ref + " is " + is + ", wanted " + wanted + " (reason " + status->reason + ")");
  Phase phase = status->phase;
  bool truth =
      is == "off" ? phase == Phase::defined || phase == Phase::failed : model::name(phase) == is;
  checks_.require(truth,
                  ref + " is " + is + ", and its status says " + std::string(model::name(phase)));
  checks_.require(qemu == nullptr || (qemu->boot == status->boot && qemu->pid == status->pid &&
                                      qemu->slot == status->slot),
                  ref + ": its status names another run of QEMU");
  checks_.require(qemu == nullptr || qemu->tuning == fleet::Tuning{spec->memory_target, spec->disk},
                  ref + ": its QEMU was not told the last memory target or disk limits");
  bool told = status->reason == "TpmLost";
  bool lost = qemu != nullptr && qemu->tpm_lost && phase == Phase::running;
  checks_.require(told == lost, ref + (lost ? " has lost its TPM, and its status does not say so"
                                            : " is said to have lost its TPM"));
  checks_.require(status->observed_generation == machine.metadata.generation,
                  ref + ": its last change was not taken up");
  if (status->reason == "VolumeMissing" || status->reason == "VolumeNotReady")
    for (const model::Disk& disk : spec->disks) {
      auto volume = read(Kind::volume, disk.volume);
      checks_.require(
          !volume || volume->metadata.deleting || text(volume->status, "phase") != "ready",
          ref + " waits for a volume that is ready");
    }
}

bool Host::used_by_guest(const std::string& volume) {
  for (const Qemu* qemu : jail_.all_alive())
    for (const model::Disk& disk : qemu->launch.spec.disks)
      if (disk.volume == volume) return true;
  return false;
}

bool Host::read_only_user(const std::string& volume) {
  for (const Qemu* qemu : jail_.all_alive())
    for (const model::Disk& disk : qemu->launch.spec.disks)
      if (disk.volume == volume && disk.read_only) return true;
  return false;
}

void Host::check_store_files() {
  std::set<std::string> wanted, kept;
  for (const Object& volume : all(Kind::volume)) {
    std::string phase = text(volume.status, "phase");
    std::string path = text(volume.status, "path");
    std::string image = text(volume.spec, "image");
    auto source = read(Kind::image, image);
    bool waits = !image.empty() && (!source || text(source->status, "phase") != "ready");
    checks_.require(phase == "ready" || waits || volume.metadata.deleting,
                    model::ref(volume) + " is " + phase + " and waits for nothing");
    if (!path.empty()) wanted.insert(path);
    Result<model::VolumeSpec> spec = model::volume_spec(volume.spec);
    Result<model::VolumeStatus> status = model::volume_status(volume.status);
    bool grown = spec.ok() && status.ok() && (phase != "ready" || status->size == spec->size);
    checks_.require(grown || read_only_user(volume.metadata.name) || volume.metadata.deleting,
                    model::ref(volume) + " was not resized");
    checks_.require(!sizes_.contains(path) || !status.ok() || sizes_[path] == status->size,
                    model::ref(volume) + ": its status tells another size");
    kept.insert(text(volume.status, "backing"));
    checks_.require(!volume.metadata.deleting || used_by_guest(volume.metadata.name),
                    model::ref(volume) + " is still being deleted");
  }
  checks_.require(files_ == wanted, "volume files: " + std::to_string(files_.size()) +
                                        " are there, " + std::to_string(wanted.size()) +
                                        " are wanted");
  for (const Object& image : all(Kind::image)) {
    Result<model::ImageStatus> status = model::image_status(image.status);
    if (!status.ok()) return checks_.fail("an image's status cannot be read");
    for (const model::Part* part : {&status->kernel, &status->initrd, &status->disk})
      kept.insert(part->digest);
    checks_.require(status->phase != "building", model::ref(image) + " is still being built");
  }
  kept.erase("");
  checks_.require(parts_ == kept, "image parts: " + std::to_string(parts_.size()) + " are there, " +
                                      std::to_string(kept.size()) + " are referred to");
}

void Host::shut_down() {
  turns_.clear();
  for (const Qemu* qemu : jail_.all_alive())
    turns_[qemu->uuid].order = qemu->launch.spec.autostart.order;
  set_guests(model::HostGuests::shutdown);
}

void Host::check_shut_down() {
  checks_.require(jail_.all_alive().empty(), "guests are alive after a shutdown of the host");
  for (const auto& [uuid, later] : turns_)
    for (const auto& [other, first] : turns_)
      if (first.order > later.order)
        checks_.require(first.ended <= later.asked, "a guest of order " +
                                                        std::to_string(later.order) +
                                                        " is stopped before one of order " +
                                                        std::to_string(first.order) + " has ended");
}

void Host::come_back() { set_guests(model::HostGuests::run); }

void Host::check_order() {
  constexpr Tick never{};
  for (const auto& [uuid, first] : turns_)
    for (const auto& [other, later] : turns_)
      if (first.order < later.order && first.up != never && later.started != never)
        checks_.require(first.up + std::chrono::seconds(first.order) <= later.started,
                        "a guest of order " + std::to_string(later.order) +
                            " starts before one of order " + std::to_string(first.order) +
                            " and its delay");
}

void Host::check_settled() {
  checks_.require(brain_ && brain_->ready(), "the controller is not ready");
  std::vector<Object> machines = all(Kind::machine);
  std::set<Uuid> known;
  for (const Object& machine : machines) {
    known.insert(machine.metadata.uid);
    check_machine(machine);
  }
  std::vector<Qemu*> alive = jail_.all_alive();
  for (const Qemu* qemu : alive)
    checks_.require(known.contains(qemu->uuid),
                    "orphaned: a QEMU of " + qemu->launch.name + " that no machine stands for");
  checks_.require(jail_.records().size() == alive.size(),
                  "the jail has records of guests that are gone");
  checks_.require(jail_.cgroups().size() == alive.size(),
                  "leaked: cgroups of guests that are gone");
  checks_.require(prepared_.empty(), "leaked: what was prepared for a start is kept");
  for (const fleet::OpenIntent& open : ledger_.open())
    checks_.fail("ledger: intent " + std::to_string(open.seq) + " (" + open.verb + " " +
                 open.object + ") was never closed");
  for (const Object& operation : all(Kind::operation)) {
    std::string phase = text(operation.status, "phase");
    checks_.require(phase == "succeeded" || phase == "failed" || phase == "cancelled",
                    model::ref(operation) + " is still " + phase);
  }
  checks_.require(timers_.size() <= 2, "leaked: " + std::to_string(timers_.size()) + " timers");
  checks_.require(brain_ && !brain_->busy(), "the controller is still busy");
  if (brain_) brain_->check();
  check_store_files();
}

}  // namespace bridle::sim
