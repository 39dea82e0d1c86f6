#include "api/auth.h"

#include <algorithm>

namespace bridle::api {

namespace {

constexpr std::array<std::string_view, 4> role_names = {"tenant", "auditor", "operator", "admin"};
constexpr std::array<std::string_view, 10> right_names = {
    "open", "read", "write", "act", "console", "build", "agent", "inspect", "audit", "govern"};

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
};

bool covers(const Grant& grant, std::string_view project) {
  if (project.empty()) return grant.everywhere && grant.role != Role::tenant;
  if (grant.everywhere) return true;
  return std::find(grant.projects.begin(), grant.projects.end(), project) != grant.projects.end();
}

bool names(const RoleRule& rule, const Caller& caller) {
  const auto has = [](const auto& list, auto id) {
    return std::find(list.begin(), list.end(), id) != list.end();
  };
  if (has(rule.uids, caller.uid) || has(rule.gids, caller.gid)) return true;
  return std::any_of(caller.groups.begin(), caller.groups.end(),
                     [&](gid_t group) { return has(rule.gids, group); });
}

Result<uint32_t> id_of(const json::value& value) {
  boost::system::error_code ec;
  const uint64_t id = value.to_number<uint64_t>(ec);
  if (ec || id >= 0xffffffffu)
    return Error(Code::invalid, "spec.subjects: expected a number below 4294967295");
  return static_cast<uint32_t>(id);
}

Status read_subjects(const json::object& spec, RoleRule& rule) {
  const json::value* subjects = spec.if_contains("subjects");
  if (subjects == nullptr) return {};
  if (!subjects->is_array()) return Error(Code::invalid, "spec.subjects: expected a list");
  for (const json::value& subject : subjects->get_array()) {
    const json::object* fields = subject.if_object();
    if (fields == nullptr) return Error(Code::invalid, "spec.subjects: expected objects");
    if (const json::value* uid = fields->if_contains("uid"); uid != nullptr && !uid->is_null()) {
      BRIDLE_TRY(const uint32_t id, id_of(*uid));
      rule.uids.push_back(id);
    }
    if (const json::value* gid = fields->if_contains("gid"); gid != nullptr && !gid->is_null()) {
      BRIDLE_TRY(const uint32_t id, id_of(*gid));
      rule.gids.push_back(id);
    }
  }
  return {};
}

Status read_projects(const json::object& spec, Grant& grant) {
  const json::value* projects = spec.if_contains("projects");
  const json::array* list = projects == nullptr ? nullptr : projects->if_array();
  if (projects != nullptr && !projects->is_null() && list == nullptr)
    return Error(Code::invalid, "spec.projects: expected a list");
  if (list != nullptr) {
    for (const json::value& project : *list) {
      if (!project.is_string()) return Error(Code::invalid, "spec.projects: expected names");
      grant.projects.emplace_back(project.get_string());
    }
  }
  const bool any =
      std::find(grant.projects.begin(), grant.projects.end(), "*") != grant.projects.end();
  const bool by_default = grant.role == Role::admin || grant.role == Role::auditor;
  grant.everywhere = any || (by_default && grant.projects.empty());
  return {};
}

}  // namespace

std::string_view name(Role role) { return role_names[static_cast<size_t>(role)]; }
std::string_view name(Right right) { return right_names[static_cast<size_t>(right)]; }

bool gives(Role role, Right right) {
  return given[static_cast<size_t>(right)][static_cast<size_t>(role)];
}

Result<RoleRule> role_rule(const json::object& spec) {
  RoleRule rule;
  const json::value* word = spec.if_contains("role");
  const auto* at = role_names.end();
  if (word != nullptr && word->is_string())
    at = std::find(role_names.begin(), role_names.end(), std::string_view(word->get_string()));
  if (at == role_names.end())
    return Error(Code::invalid, "spec.role: expected admin, operator, auditor or tenant");
  rule.grant.role = static_cast<Role>(at - role_names.begin());
  BRIDLE_CHECK(read_subjects(spec, rule));
  BRIDLE_CHECK(read_projects(spec, rule.grant));
  if (const json::value* raw = spec.if_contains("rawAllowed"); raw != nullptr && raw->is_bool())
    rule.grant.raw_allowed = raw->get_bool();
  return rule;
}

Access Access::of(const Caller& caller, const std::vector<RoleRule>& rules, uid_t own_uid) {
  Access out;
  out.uid_ = caller.uid;
  if (caller.uid == 0 || caller.uid == own_uid)
    out.grants_.push_back({Role::admin, true, {}, true});
  for (const RoleRule& rule : rules)
    if (names(rule, caller)) out.grants_.push_back(rule.grant);
  return out;
}

std::optional<Role> Access::role_for(Right right, std::string_view project) const {
  std::optional<Role> best;
  for (const Grant& grant : grants_) {
    if (!gives(grant.role, right) || !covers(grant, project)) continue;
    if (!best || *best < grant.role) best = grant.role;
  }
  return best;
}

bool Access::sees(model::Kind kind, std::string_view project) const {
  if (may(Right::read, project)) return true;
  return kind == model::Kind::image && project == shared_project && !nobody();
}

bool Access::knows(std::string_view project) const {
  if (project == shared_project && !nobody()) return true;
  return std::any_of(grants_.begin(), grants_.end(),
                     [&](const Grant& grant) { return covers(grant, project); });
}

bool Access::raw_allowed(std::string_view project) const {
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return covers(grant, project) && (grant.raw_allowed || grant.role == Role::admin);
  });
}

std::string Access::actor(Right right, std::string_view project) const {
  const auto role = role_for(right, project);
  return "uid:" + std::to_string(uid_) + " (role " + std::string(role ? name(*role) : "none") + ")";
}

Right right_to_write(model::Kind kind) {
  return model::info(kind).has_project ? Right::write : Right::govern;
}

}  // namespace bridle::api
