// Typed views of Secret, Role and Binding.
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

void read_subjects(Reader& read, std::string_view key, std::vector<Subject>& out) {
  read.list(key, [&](Reader& item) {
    Subject& subject = out.emplace_back();
    read_id(item, "uid", subject.uid);
    read_id(item, "gid", subject.gid);
    item.text("token", subject.token);
    item.text("certificate", subject.certificate);
  });
}

json::array to_json(const std::vector<Subject>& subjects) {
  json::array out;
  for (const Subject& subject : subjects) {
    json::object item;
    if (subject.uid) item["uid"] = *subject.uid;
    if (subject.gid) item["gid"] = *subject.gid;
    put(item, "token", subject.token);
    put(item, "certificate", subject.certificate);
    out.push_back(std::move(item));
  }
  return out;
}

Result<RoleSpec> role_spec(const json::object& object) {
  RoleSpec spec;
  Reader read(object, "spec");
  read.choice("role", words::role, spec.role);
  read_subjects(read, "subjects", spec.subjects);
  read.texts("projects", spec.projects);
  read.flag("rawAllowed", spec.raw_allowed);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const RoleSpec& spec) {
  return {{"role", name(spec.role)},
          {"subjects", to_json(spec.subjects)},
          {"projects", json::array(spec.projects.begin(), spec.projects.end())},
          {"rawAllowed", spec.raw_allowed}};
}

Result<BindingSpec> binding_spec(const json::object& object) {
  BindingSpec spec;
  Reader read(object, "spec");
  read.choice("role", words::role, spec.role);
  read_subjects(read, "subjects", spec.subjects);
  read.flag("rawAllowed", spec.raw_allowed);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const BindingSpec& spec) {
  return {{"role", name(spec.role)},
          {"subjects", to_json(spec.subjects)},
          {"rawAllowed", spec.raw_allowed}};
}

}  // namespace bridle::model
