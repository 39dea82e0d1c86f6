// People, as the API lets them act: read, change, write with the revision that was read.
#include <array>

#include "base/hash.h"
#include "model/image.h"
#include "model/machine.h"
#include "sim/host.h"

namespace bridle::sim {

using model::Kind;
using model::Object;

namespace {
constexpr std::string_view project = "lab";
constexpr size_t most_machines = 8;
}  // namespace

bool Host::commit(const std::vector<store::Write>& writes) {
  bool done = store_.commit(writes, store::Durability::full).ok();
  look_at_store();
  return done;
}

std::optional<Object> Host::read(Kind kind, const std::string& name) {
  auto entry = store_.get(model::spec_key(kind, project, name));
  if (!entry.ok() || !entry->has_value()) return std::nullopt;
  Result<Object> object = model::decode_spec(kind, (*entry)->value);
  if (!object.ok()) {
    checks_.fail("a stored spec cannot be read: " + object.error().message());
    return std::nullopt;
  }
  object->metadata.revision = (*entry)->modified;
  auto status = store_.get(model::status_key(kind, project, name));
  if (status.ok() && status->has_value())
    object->status = model::json::parse((*status)->value).as_object();
  return std::move(*object);
}

// Creates (revision 0) or replaces.
void Host::put(Object object) {
  Revision expected = object.metadata.revision;
  object.metadata.revision = 0;
  commit({{store::Write::Kind::put, model::spec_key(object.kind, project, object.metadata.name),
           model::encode_spec(object), expected}});
}

void Host::change(Kind kind, const std::string& name, const std::function<void(Object&)>& edit) {
  std::optional<Object> object = read(kind, name);
  if (!object || object->metadata.deleting) return;
  edit(*object);
  ++object->metadata.generation;
  put(std::move(*object));
}

void Host::remove(Kind kind, const std::string& name) {
  std::optional<Object> object = read(kind, name);
  if (!object || object->metadata.deleting) return;
  if (object->metadata.finalizers.empty()) {
    commit({{store::Write::Kind::remove,
             model::spec_key(kind, project, name),
             {},
             object->metadata.revision},
            {store::Write::Kind::remove, model::status_key(kind, project, name)}});
    return;
  }
  object->metadata.deleting = time_.wall();
  put(std::move(*object));
}

std::vector<Object> Host::all(Kind kind) {
  std::vector<Object> found;
  std::string prefix = "/spec/" + std::string(model::info(kind).singular) + "/";
  Result<store::Listing> listing = store_.list(prefix);
  if (!listing.ok()) return found;
  for (const store::Entry& entry : listing->entries) {
    auto parts = model::parse_key(entry.key);
    if (!parts) continue;
    if (auto object = read(kind, parts->name)) found.push_back(std::move(*object));
  }
  return found;
}

std::string Host::any(Kind kind) {
  std::string prefix = "/spec/" + std::string(model::info(kind).singular) + "/";
  Result<store::Listing> listing = store_.list(prefix);
  if (!listing.ok() || listing->entries.empty()) return "";
  const store::Entry& entry = listing->entries[dice_.below(listing->entries.size())];
  auto parts = model::parse_key(entry.key);
  return parts ? parts->name : "";
}

namespace {

Object fresh(Kind kind, std::string name, WallTime now, Random& random) {
  Object object;
  object.kind = kind;
  object.metadata.name = std::move(name);
  object.metadata.project = project;
  object.metadata.owner = "sim";
  object.metadata.uid = Uuid::random(random);
  object.metadata.generation = 1;
  object.metadata.created = now;
  return object;
}

}  // namespace

void Host::create_machine() {
  if (all(Kind::machine).size() >= most_machines) return delete_something();
  Object object =
      fresh(Kind::machine, "m" + std::to_string(dice_.below(12)), time_.wall(), dice_.source());
  model::MachineSpec spec;
  spec.image = dice_.one_in(6) ? "other" : "tiny";
  spec.power = dice_.one_in(4) ? model::Power::stopped : model::Power::running;
  spec.restart = static_cast<model::Restart>(dice_.below(3));
  spec.stop_timeout = dice_.between(std::chrono::seconds(1), std::chrono::seconds(8));
  spec.cpu.reservation = 250 * dice_.below(5);
  spec.cpus = 2;
  // The same for a name, so that orders do not change while things go on.
  spec.autostart.order = static_cast<uint32_t>(object.metadata.name.back() - '0') % 3;
  spec.autostart.delay = std::chrono::seconds(spec.autostart.order);
  spec.tpm = dice_.one_in(3);
  spec.interfaces.push_back({"net0", "default", ""});
  if (dice_.one_in(2))
    spec.disks.push_back({"root", "v" + std::to_string(dice_.below(5)), dice_.one_in(8)});
  object.spec = model::to_json(spec);
  put(std::move(object));
}

void Host::create_volume() {
  Object object =
      fresh(Kind::volume, "v" + std::to_string(dice_.below(5)), time_.wall(), dice_.source());
  model::VolumeSpec spec;
  spec.size = 1 << 30;
  if (dice_.one_in(2)) spec.image = "tiny";
  object.spec = model::to_json(spec);
  put(std::move(object));
}

void Host::create_image() {
  Object object =
      fresh(Kind::image, dice_.one_in(3) ? "other" : "tiny", time_.wall(), dice_.source());
  object.spec = {{"recipe", "tiny"}};
  std::string name = object.metadata.name;
  put(std::move(object));
  operate("build", Kind::image, name);
}

void Host::power_machine() {
  constexpr std::array<std::string_view, 3> wishes = {"running", "paused", "stopped"};
  std::string_view wish = wishes[dice_.below(wishes.size())];
  change(Kind::machine, any(Kind::machine), [&](Object& machine) { machine.spec["power"] = wish; });
}

void Host::edit_machine() {
  change(Kind::machine, any(Kind::machine), [&](Object& machine) {
    Result<model::MachineSpec> spec = model::machine_spec(machine.spec);
    if (!spec.ok()) return checks_.fail(spec.error().message());
    if (dice_.one_in(4)) {
      spec->disks.clear();
      if (dice_.one_in(2)) spec->disks.push_back({"root", "v" + std::to_string(dice_.below(5))});
    } else if (dice_.one_in(2)) {
      spec->cpu.shares = 100 + dice_.below(1000);
    } else if (dice_.one_in(2)) {
      spec->memory_target = dice_.one_in(2) ? 0 : (32 + dice_.below(64)) << 20;
      spec->disk.operations_per_second = dice_.below(3) * 100;
    } else {
      spec->cpus = 1 + static_cast<uint32_t>(dice_.below(4));
      spec->cpu.reservation = std::min<uint64_t>(spec->cpu.reservation, spec->cpus * 1000);
    }
    machine.spec = model::to_json(*spec);
  });
}

void Host::grow_volume() {
  change(Kind::volume, any(Kind::volume), [&](Object& volume) {
    Result<model::VolumeSpec> spec = model::volume_spec(volume.spec);
    if (!spec.ok()) return checks_.fail(spec.error().message());
    spec->size += uint64_t{1} << 20;
    volume.spec = model::to_json(*spec);
  });
}

model::HostGuests Host::guests() {
  auto entry = store_.get(model::spec_key(Kind::host, "", name_));
  if (!entry.ok() || !entry->has_value()) return model::HostGuests::run;
  auto object = model::decode_spec(Kind::host, (*entry)->value);
  auto spec = object.ok() ? model::host_spec(object->spec) : Error(Code::corrupt, "no host");
  return spec.ok() ? spec->guests : model::HostGuests::run;
}

void Host::set_guests(model::HostGuests guests) {
  Object object = fresh(Kind::host, name_, time_.wall(), dice_.source());
  object.metadata.project.clear();
  model::HostSpec spec;
  spec.guests = guests;
  object.spec = model::to_json(spec);
  commit({{store::Write::Kind::put, model::spec_key(Kind::host, "", name_),
           model::encode_spec(object)}});
}

void Host::stop_or_run_all() {
  if (guests() != model::HostGuests::run) return set_guests(model::HostGuests::run);
  set_guests(dice_.one_in(2) ? model::HostGuests::drain : model::HostGuests::shutdown);
}

void Host::delete_something() {
  constexpr std::array<Kind, 6> kinds = {Kind::machine, Kind::machine, Kind::machine,
                                         Kind::volume,  Kind::volume,  Kind::image};
  Kind kind = kinds[dice_.below(kinds.size())];
  remove(kind, any(kind));
}

void Host::operate(std::string_view verb, Kind kind, const std::string& name) {
  if (name.empty()) return;
  Object object =
      fresh(Kind::operation, "op" + std::to_string(++made_), time_.wall(), dice_.source());
  object.spec = {
      {"verb", verb},
      {"target", {{"kind", model::info(kind).singular}, {"project", project}, {"name", name}}},
      {"cancel", false}};
  put(std::move(object));
}

void Host::operate_something() {
  if (dice_.one_in(4)) return operate("build", Kind::image, any(Kind::image));
  std::string machine = any(Kind::machine);
  if (dice_.one_in(2)) return operate("reset", Kind::machine, machine);
  change(Kind::machine, machine, [](Object& object) { object.spec["power"] = "stopped"; });
  operate("stop", Kind::machine, machine);
}

void Host::cancel_something() {
  change(Kind::operation, any(Kind::operation),
         [](Object& operation) { operation.spec["cancel"] = true; });
}

struct Host::UserAct {
  unsigned weight;
  void (Host::*act)();
};

void Host::user_step() {
  static constexpr std::array<UserAct, 10> acts = {{
      {20, &Host::create_machine},
      {8, &Host::create_volume},
      {4, &Host::create_image},
      {30, &Host::power_machine},
      {8, &Host::edit_machine},
      {5, &Host::grow_volume},
      {3, &Host::stop_or_run_all},
      {10, &Host::delete_something},
      {8, &Host::operate_something},
      {2, &Host::cancel_something},
  }};
  uint64_t total = 0;
  for (const UserAct& each : acts) total += each.weight;
  uint64_t drawn = dice_.below(total);
  for (const UserAct& each : acts) {
    if (drawn < each.weight) return (this->*each.act)();
    drawn -= each.weight;
  }
}

}  // namespace bridle::sim
