// Role: who may do what, in any projects; written by an admin. Binding: the same in its own project
// only; written by the project's owners. Typed views of their specs; neither has a status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/object.h"

namespace bridle::model {

class Reader;

enum class RoleName { admin, operator_, auditor, tenant };

// One of the four is set: a user or a group of the host, or a credential of the network.
struct Subject {
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::string token;        // its name
  std::string certificate;  // its name
};

struct RoleSpec {
  RoleName role = RoleName::tenant;
  std::vector<Subject> subjects;
  std::vector<std::string> projects;  // "*": all. Empty is all for admin and auditor only
  bool raw_allowed = false;           // may set Machine.spec.raw

  // True if the role counts in this project.
  bool covers(std::string_view project) const;
};

struct BindingSpec {
  RoleName role = RoleName::tenant;
  std::vector<Subject> subjects;
  bool raw_allowed = false;
};

std::string_view name(RoleName role);  // "admin", "operator", "auditor", "tenant"

Result<RoleSpec> role_spec(const json::object& spec);
json::object to_json(const RoleSpec& spec);
Result<BindingSpec> binding_spec(const json::object& spec);
json::object to_json(const BindingSpec& spec);

// A list of subjects below key.
void read_subjects(Reader& read, std::string_view key, std::vector<Subject>& out);
json::array to_json(const std::vector<Subject>& subjects);

}  // namespace bridle::model
