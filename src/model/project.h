// Project: the boundary of authorization, and what its objects may use together. Typed views of its
// spec and status. A project needs no Project object: without one it has no quota and no owners.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/object.h"
#include "model/role.h"

namespace bridle::model {

// What the objects of a project use. Machines count from their definition on, whether they run or
// not, until they are gone; so do volumes.
struct ProjectUsage {
  uint64_t guests = 0;      // machines
  uint64_t cpus = 0;        // virtual CPUs of all machines
  uint64_t memory = 0;      // bytes, of all machines
  uint64_t disk = 0;        // bytes that the guests see, of all volumes
  uint64_t operations = 0;  // pending or running; a forced stop does not count

  bool operator==(const ProjectUsage&) const = default;
};

// Upper bounds of the same. Empty: none.
struct Quota {
  std::optional<uint64_t> guests, cpus, memory, disk, operations;
};

struct ProjectSpec {
  Quota quota;
  std::vector<Subject> owners;  // operators here, who may also grant roles in the project
};

struct ProjectStatus {
  ProjectUsage usage;
};

Result<ProjectSpec> project_spec(const json::object& spec);
json::object to_json(const ProjectSpec& spec);
Result<ProjectStatus> project_status(const json::object& status);
json::object to_json(const ProjectStatus& status);

}  // namespace bridle::model
