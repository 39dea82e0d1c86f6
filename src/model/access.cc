// Typed views of Secret and Role.
#include <algorithm>

#include "model/reader.h"
#include "model/role.h"
#include "model/secret.h"
#include "model/words.h"
#include "model/writer.h"

namespace bridle::model {
namespace {

void read_id(Reader& read, std::string_view key, std::optional<uint32_t>& out) {
  if (!read.has(key)) return;
  uint32_t id = 0;
  read.number(key, id);
  out = id;
}

}  // namespace

Result<SecretSpec> secret_spec(const json::object& object) {
  SecretSpec spec;
  Reader read(object, "spec");
  read.map("data", spec.data);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const SecretSpec& spec) {
  json::object out;
  put(out, "data", spec.data);
  return out;
}

std::string_view name(RoleName role) { return words::role[static_cast<size_t>(role)]; }

bool RoleSpec::covers(std::string_view project) const {
  if (projects.empty()) return role == RoleName::admin || role == RoleName::auditor;
  return std::any_of(projects.begin(), projects.end(),
                     [&](const std::string& one) { return one == "*" || one == project; });
}

Result<RoleSpec> role_spec(const json::object& object) {
  RoleSpec spec;
  Reader read(object, "spec");
  read.choice("role", words::role, spec.role);
  read.list("subjects", [&](Reader& item) {
    Subject& subject = spec.subjects.emplace_back();
    read_id(item, "uid", subject.uid);
    read_id(item, "gid", subject.gid);
  });
  read.texts("projects", spec.projects);
  read.flag("rawAllowed", spec.raw_allowed);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const RoleSpec& spec) {
  json::array subjects;
  for (const Subject& subject : spec.subjects) {
    json::object item;
    if (subject.uid) item["uid"] = *subject.uid;
    if (subject.gid) item["gid"] = *subject.gid;
    subjects.push_back(std::move(item));
  }
  return {{"role", name(spec.role)},
          {"subjects", std::move(subjects)},
          {"projects", json::array(spec.projects.begin(), spec.projects.end())},
          {"rawAllowed", spec.raw_allowed}};
}

}  // namespace bridle::model
