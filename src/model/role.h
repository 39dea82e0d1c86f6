// Role: who may do what. Typed view of its spec. Has no project and no status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/object.h"

namespace bridle::model {

enum class RoleName { admin, operator_, auditor, tenant };

// One of the two is set: a user or a group of the host.
struct Subject {
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
};

struct RoleSpec {
  RoleName role = RoleName::tenant;
  std::vector<Subject> subjects;
  std::vector<std::string> projects;  // "*": all. Empty is all for admin and auditor only
  bool raw_allowed = false;           // may set Machine.spec.raw

  // True if the role counts in this project.
  bool covers(std::string_view project) const;
};

std::string_view name(RoleName role);  // "admin", "operator", "auditor", "tenant"

Result<RoleSpec> role_spec(const json::object& spec);
json::object to_json(const RoleSpec& spec);

}  // namespace bridle::model
