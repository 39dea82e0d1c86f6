#include "api/tenancy.h"

#include <algorithm>

#include "fleet/quota.h"
#include "model/image.h"
#include "model/machine.h"
#include "model/operation.h"

namespace bridle::api {
namespace {

using model::Kind;
using model::ProjectUsage;

constexpr size_t most_listed = 10;

std::string folder(std::string_view side, Kind kind, std::string_view project) {
  return "/" + std::string(side) + "/" + std::string(model::info(kind).singular) + "/" +
         std::string(project) + "/";
}

Result<json::object> status_of(store::Store& store, const model::Object& object) {
  const model::Metadata& metadata = object.metadata;
  BRIDLE_TRY(const auto entry,
             store.get(model::status_key(object.kind, metadata.project, metadata.name)));
  if (!entry) return json::object();
  return model::decode_status(entry->value);
}

// As fleet::find_image has it: the project's own if it was built, else the shared one. 0: unknown.
Result<uint64_t> image_size(store::Store& store, std::string_view project, std::string_view name) {
  for (const std::string_view place : {project, std::string_view("shared")}) {
    if (!model::check_name("image", name).ok()) return uint64_t{0};
    BRIDLE_TRY(const auto entry, store.get(model::status_key(Kind::image, place, name)));
    if (!entry) continue;
    BRIDLE_TRY(const json::object text, model::decode_status(entry->value));
    const auto status = model::image_status(text);
    if (status.ok() && status->disk_virtual_size != 0) return status->disk_virtual_size;
  }
  return uint64_t{0};
}

Result<ProjectUsage> of_machine(const model::Object& object) {
  BRIDLE_TRY(const model::MachineSpec spec, model::machine_spec(object.spec));
  return ProjectUsage{1, spec.cpus, spec.memory, 0, 0};
}

Result<ProjectUsage> of_volume(store::Store& store, const model::Object& object) {
  BRIDLE_TRY(const model::VolumeSpec spec, model::volume_spec(object.spec));
  ProjectUsage usage;
  usage.disk = spec.size;
  if (usage.disk != 0) return usage;
  const auto status = model::volume_status(object.status);
  if (status.ok()) usage.disk = status->size;
  if (usage.disk != 0) return usage;
  BRIDLE_TRY(usage.disk, image_size(store, object.metadata.project, spec.image));
  return usage;
}

// A forced stop does not count: it gives something back.
Result<ProjectUsage> of_operation(const model::Object& object) {
  BRIDLE_TRY(const model::OperationSpec spec, model::operation_spec(object.spec));
  const auto status = model::operation_status(object.status);
  const bool in_flight = !status.ok() || !model::is_over(status->phase);
  ProjectUsage usage;
  usage.operations = in_flight && spec.verb != "stop" ? 1 : 0;
  return usage;
}

Result<ProjectUsage> use_of(store::Store& store, const model::Object& object) {
  switch (object.kind) {
    case Kind::machine:
      return of_machine(object);
    case Kind::volume:
      return of_volume(store, object);
    case Kind::operation:
      return of_operation(object);
    default:
      return ProjectUsage{};
  }
}

uint64_t sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

void add(ProjectUsage& total, const ProjectUsage& part) {
  for (const auto amount : {&ProjectUsage::guests, &ProjectUsage::cpus, &ProjectUsage::memory,
                            &ProjectUsage::disk, &ProjectUsage::operations})
    total.*amount = sum(total.*amount, part.*amount);
}

// Machines need no look at their statuses.
Status add_kind(store::Store& store, Kind kind, std::string_view project, ProjectUsage& total) {
  BRIDLE_TRY(const store::Listing listing, store.list(folder("spec", kind, project)));
  for (const store::Entry& entry : listing.entries) {
    BRIDLE_TRY(model::Object object, model::decode_spec(kind, entry.value));
    if (kind != Kind::machine) {
      BRIDLE_TRY(object.status, status_of(store, object));
    }
    BRIDLE_TRY(const ProjectUsage part, use_of(store, object));
    add(total, part);
  }
  return {};
}

store::Write unchanged(const store::Entry& entry) {
  store::Write write;
  write.kind = store::Write::Kind::check;
  write.key = entry.key;
  write.expected = entry.modified;
  return write;
}

bool is_history(const model::Object& object) {
  if (object.kind == Kind::event) return true;
  if (object.kind != Kind::operation) return false;
  const auto status = model::operation_status(object.status);
  return status.ok() && model::is_over(status->phase);
}

}  // namespace

Result<ProjectUsage> usage_of(store::Store& store, std::string_view project) {
  ProjectUsage total;
  for (const Kind kind : {Kind::machine, Kind::volume, Kind::operation})
    BRIDLE_CHECK(add_kind(store, kind, project, total));
  return total;
}

Result<std::vector<store::Write>> reserve_quota(store::Store& store, const model::Object& wanted,
                                                const model::Object* current) {
  const std::string& project = wanted.metadata.project;
  BRIDLE_TRY(const ProjectUsage after, use_of(store, wanted));
  ProjectUsage before;
  if (current != nullptr) {
    BRIDLE_TRY(before, use_of(store, *current));
  }
  if (wanted.kind != Kind::machine && wanted.kind != Kind::volume && wanted.kind != Kind::operation)
    return std::vector<store::Write>{};
  BRIDLE_TRY(const auto entry, store.get(model::spec_key(Kind::project, {}, project)));
  if (!entry || (current != nullptr && after == before)) return std::vector<store::Write>{};
  BRIDLE_TRY(const model::Object object, model::decode_spec(Kind::project, entry->value));
  BRIDLE_TRY(const model::ProjectSpec spec, model::project_spec(object.spec));
  if (wanted.kind == Kind::volume && spec.quota.disk && after.disk == 0)
    return Error(Code::refused, "spec.size: give a size; project " + project +
                                    " has a quota of disk, and the size of the image is not known");
  ProjectUsage used;
  BRIDLE_CHECK(add_kind(store, wanted.kind, project, used));
  BRIDLE_CHECK(fleet::check_quota(project, spec.quota, used, before, after));
  const std::string guard = model::status_key(Kind::project, {}, project);
  BRIDLE_TRY(const auto status, store.get(guard));
  store::Write turn;
  turn.key = guard;
  turn.value = status ? status->value : "{}";
  turn.expected = status ? status->modified : Revision{0};
  return std::vector<store::Write>{unchanged(*entry), turn};
}

Status check_empty(store::Store& store, std::string_view project) {
  std::string list;
  size_t count = 0;
  for (const model::KindInfo& kind : model::all_kinds()) {
    if (!kind.has_project || kind.kind == Kind::event) continue;
    BRIDLE_TRY(const store::Listing listing, store.list(folder("spec", kind.kind, project)));
    for (const store::Entry& entry : listing.entries) {
      BRIDLE_TRY(model::Object object, model::decode_spec(kind.kind, entry.value));
      if (kind.kind == Kind::operation) {
        BRIDLE_TRY(object.status, status_of(store, object));
      }
      if (is_history(object)) continue;
      if (++count <= most_listed) list += (count == 1 ? "" : ", ") + model::ref(object);
    }
  }
  if (count == 0) return {};
  if (count > most_listed) list += " and " + std::to_string(count - most_listed) + " more";
  return Error(Code::conflict,
               "project/" + std::string(project) + " still holds " + list + "; delete them first");
}

Result<std::vector<std::string>> history_of(store::Store& store, std::string_view project,
                                            size_t limit) {
  std::vector<std::string> keys;
  for (const Kind kind : {Kind::event, Kind::operation})
    for (const std::string_view side : {"spec", "status"}) {
      if (keys.size() >= limit) return keys;
      BRIDLE_TRY(const store::Listing listing,
                 store.list(folder(side, kind, project), {}, limit - keys.size()));
      for (const store::Entry& entry : listing.entries) keys.push_back(entry.key);
    }
  return keys;
}

}  // namespace bridle::api
