#include "model/project.h"

#include "model/quantity.h"
#include "model/reader.h"
#include "model/writer.h"

namespace bridle::model {
namespace {

void read_limit(Reader& read, std::string_view key, std::optional<uint64_t>& out, bool is_bytes) {
  if (!read.has(key)) return;
  uint64_t limit = 0;
  is_bytes ? read.bytes(key, limit) : read.number(key, limit);
  out = limit;
}

}  // namespace

Result<ProjectSpec> project_spec(const json::object& object) {
  ProjectSpec spec;
  Reader read(object, "spec");
  read.object("quota", [&](Reader& quota) {
    read_limit(quota, "guests", spec.quota.guests, false);
    read_limit(quota, "cpus", spec.quota.cpus, false);
    read_limit(quota, "memory", spec.quota.memory, true);
    read_limit(quota, "disk", spec.quota.disk, true);
    read_limit(quota, "operations", spec.quota.operations, false);
  });
  read_subjects(read, "owners", spec.owners);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const ProjectSpec& spec) {
  json::object quota;
  if (spec.quota.guests) quota["guests"] = *spec.quota.guests;
  if (spec.quota.cpus) quota["cpus"] = *spec.quota.cpus;
  if (spec.quota.memory) quota["memory"] = bytes_text(*spec.quota.memory);
  if (spec.quota.disk) quota["disk"] = bytes_text(*spec.quota.disk);
  if (spec.quota.operations) quota["operations"] = *spec.quota.operations;
  return {{"quota", std::move(quota)}, {"owners", to_json(spec.owners)}};
}

Result<ProjectStatus> project_status(const json::object& object) {
  ProjectStatus status;
  Reader read(object, "status");
  read.object("usage", [&](Reader& usage) {
    usage.number("guests", status.usage.guests);
    usage.number("cpus", status.usage.cpus);
    usage.bytes("memory", status.usage.memory);
    usage.bytes("disk", status.usage.disk);
    usage.number("operations", status.usage.operations);
  });
  BRIDLE_CHECK(read.status());
  return status;
}

json::object to_json(const ProjectStatus& status) {
  return {{"usage",
           {{"guests", status.usage.guests},
            {"cpus", status.usage.cpus},
            {"memory", bytes_text(status.usage.memory)},
            {"disk", bytes_text(status.usage.disk)},
            {"operations", status.usage.operations}}}};
}

}  // namespace bridle::model
