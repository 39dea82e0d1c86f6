#include "api/auth.h"

#include <algorithm>

#include "model/project.h"

namespace bridle::api {

namespace {

constexpr std::array<std::string_view, 4> role_names = {"tenant", "auditor", "operator", "admin"};
constexpr std::array<std::string_view, 4> source_names = {"uid", "token", "certificate",
                                                          "stranger"};
constexpr std::array<std::string_view, 11> right_names = {"open",    "read",   "write",   "act",
                                                          "console", "build",  "agent",   "inspect",
                                                          "audit",   "govern", "delegate"};

// A row for each right, a column for each role, weakest first.
constexpr bool given[right_names.size()][role_names.size()] = {
    {true, true, true, true},     // open
    {true, true, true, true},     // read
    {true, false, true, true},    // write
    {true, false, true, true},    // act
    {true, false, true, true},    // console
    {false, false, true, true},   // build
    {false, false, true, true},   // agent
    {false, true, true, true},    // inspect
    {false, true, true, true},    // audit
    {false, false, false, true},  // govern
    {false, false, false, true},  // delegate: and who is an owner
};

bool covers(const Grant& grant, std::string_view project) {
  if (project.empty()) return grant.everywhere && grant.role != Role::tenant;
  if (grant.everywhere) return true;
  return std::find(grant.projects.begin(), grant.projects.end(), project) != grant.projects.end();
}

bool names(const model::Subject& subject, const Caller& caller) {
  switch (caller.source) {
    case Source::local:
      if (caller.uid == static_cast<uid_t>(-1)) return false;
      return subject.uid == caller.uid || subject.gid == caller.gid ||
             std::any_of(caller.groups.begin(), caller.groups.end(),
                         [&](gid_t group) { return subject.gid == group; });
    case Source::token:
      return !caller.credential.empty() && subject.token == caller.credential;
    case Source::certificate:
      return !caller.credential.empty() && subject.certificate == caller.credential;
    case Source::stranger:
      return false;
  }
  return false;
}

bool names(const RoleRule& rule, const Caller& caller) {
  return std::any_of(rule.subjects.begin(), rule.subjects.end(),
                     [&](const model::Subject& subject) { return names(subject, caller); });
}

bool gives(const Grant& grant, Right right) {
  return gives(grant.role, right) || (right == Right::delegate && grant.owner);
}

Role role_of(model::RoleName role) {
  switch (role) {
    case model::RoleName::admin:
      return Role::admin;
    case model::RoleName::operator_:
      return Role::operator_;
    case model::RoleName::auditor:
      return Role::auditor;
    case model::RoleName::tenant:
      return Role::tenant;
  }
  return Role::tenant;
}

// A role without subjects or with an unknown one gives nothing to nobody, but says so in the log.
Result<RoleRule> rule_of_role(const json::object& object) {
  if (!object.contains("role")) return Error(Code::invalid, "spec.role: is missing");
  BRIDLE_TRY(const model::RoleSpec spec, model::role_spec(object));
  const bool any =
      std::find(spec.projects.begin(), spec.projects.end(), "*") != spec.projects.end();
  const Role role = role_of(spec.role);
  const bool by_default = spec.projects.empty() && (role == Role::admin || role == Role::auditor);
  return RoleRule{spec.subjects, {role, any || by_default, spec.projects, spec.raw_allowed, false}};
}

Result<RoleRule> rule_of_binding(const model::Object& object) {
  if (!object.spec.contains("role")) return Error(Code::invalid, "spec.role: is missing");
  BRIDLE_TRY(const model::BindingSpec spec, model::binding_spec(object.spec));
  return RoleRule{spec.subjects,
                  {role_of(spec.role), false, {object.metadata.project}, spec.raw_allowed, false}};
}

Result<RoleRule> rule_of_owners(const model::Object& object) {
  BRIDLE_TRY(const model::ProjectSpec spec, model::project_spec(object.spec));
  return RoleRule{spec.owners, {Role::operator_, false, {object.metadata.name}, false, true}};
}

}  // namespace

std::string_view name(Source source) { return source_names[static_cast<size_t>(source)]; }
std::string_view name(Role role) { return role_names[static_cast<size_t>(role)]; }
std::string_view name(Right right) { return right_names[static_cast<size_t>(right)]; }

std::string who(const Caller& caller) {
  std::string source(name(caller.source));
  if (caller.source == Source::stranger) return source;
  if (caller.source == Source::local) return source + ":" + std::to_string(caller.uid);
  return source + ":" + caller.credential;
}

bool gives(Role role, Right right) {
  return given[static_cast<size_t>(right)][static_cast<size_t>(role)];
}

Result<RoleRule> role_rule(const model::Object& object) {
  switch (object.kind) {
    case model::Kind::role:
      return rule_of_role(object.spec);
    case model::Kind::binding:
      return rule_of_binding(object);
    case model::Kind::project:
      return rule_of_owners(object);
    default:
      return Error(Code::internal, model::ref(object) + " gives no role");
  }
}

std::string_view boundary(model::Kind kind, std::string_view project, std::string_view name) {
  return kind == model::Kind::project ? name : project;
}

Access Access::of(const Caller& caller, const std::vector<RoleRule>& rules, uid_t own_uid) {
  Access out;
  out.who_ = api::who(caller);
  // A credential counts only when it was proved: see the other of().
  if (caller.source != Source::local) return out;
  if (caller.uid == 0 || caller.uid == own_uid)
    out.grants_.push_back({Role::admin, true, {}, true, false});
  for (const RoleRule& rule : rules)
    if (names(rule, caller)) out.grants_.push_back(rule.grant);
  return out;
}

Access Access::of(const Caller& caller, const std::vector<Grant>& own,
                  const std::vector<RoleRule>& rules) {
  Access out;
  out.who_ = api::who(caller);
  out.grants_ = own;
  for (const RoleRule& rule : rules)
    if (names(rule, caller)) out.grants_.push_back(rule.grant);
  return out;
}

std::optional<Role> Access::role_for(Right right, std::string_view project) const {
  std::optional<Role> best;
  for (const Grant& grant : grants_) {
    if (!gives(grant, right) || !covers(grant, project)) continue;
    if (!best || *best < grant.role) best = grant.role;
  }
  return best;
}

bool Access::sees(model::Kind kind, std::string_view project) const {
  if (may(Right::read, project)) return true;
  return kind == model::Kind::image && project == shared_project && !nobody();
}

std::optional<std::set<std::string>> Access::seen_projects(model::Kind kind) const {
  if (may(Right::read, {})) return std::nullopt;
  std::set<std::string> out;
  if (!model::info(kind).has_project && kind != model::Kind::project) return out;
  for (const Grant& grant : grants_) {
    if (!gives(grant.role, Right::read)) continue;
    if (grant.everywhere) return std::nullopt;
    out.insert(grant.projects.begin(), grant.projects.end());
  }
  if (kind == model::Kind::image && !nobody()) out.emplace(shared_project);
  return out;
}

bool Access::knows(std::string_view project) const {
  if (project == shared_project && !nobody()) return true;
  return std::any_of(grants_.begin(), grants_.end(),
                     [&](const Grant& grant) { return covers(grant, project); });
}

bool Access::belongs_to(std::string_view project) const {
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return std::find(grant.projects.begin(), grant.projects.end(), project) != grant.projects.end();
  });
}

bool Access::raw_allowed(std::string_view project) const {
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return covers(grant, project) && (grant.raw_allowed || grant.role == Role::admin);
  });
}

Status Access::may_grant(Role role, bool raw, std::string_view project) const {
  const auto lacks = [&](std::string_view what) {
    return Error(Code::unauthorized, "spec: you cannot give more than you have in project " +
                                         std::string(project) + ", and you have not " +
                                         std::string(what));
  };
  if (!may(Right::delegate, project)) return lacks("the right \"delegate\"");
  for (const Right right : all_rights)
    if (gives(role, right) && !may(right, project))
      return lacks("the right \"" + std::string(name(right)) + "\" of role " +
                   std::string(name(role)));
  if (raw && !raw_allowed(project)) return lacks("rawAllowed");
  return {};
}

std::string Access::actor(Right right, std::string_view project) const {
  const auto role = role_for(right, project);
  return who_ + " (role " + std::string(role ? name(*role) : "none") + ")";
}

Right right_to_write(model::Kind kind) {
  if (kind == model::Kind::binding) return Right::delegate;
  return model::info(kind).has_project ? Right::write : Right::govern;
}

}  // namespace bridle::api
