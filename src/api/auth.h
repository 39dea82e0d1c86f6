// Authorization: who a caller is, what the Role objects give to him, and whether that is enough.
// Pure: the connection supplies uid and groups, the store the roles.
//
//   what may be done            admin  operator  auditor  tenant
//   read    objects, usage        x       x         x       x
//   write   apply, delete         x       x                 x
//   act     power, operations     x       x                 x
//   console                       x       x                 x
//   build   images                x       x
//   agent   ask the guest agent   x       x
//   inspect doctor, processes     x       x         x
//   audit   ledger                x       x         x
//   govern  roles and hosts       x
//
// A grant is (role, project): each role counts in the projects it lists. "*", and an empty list of
// an admin or auditor, means every project; then the role holds also for what has no project
// (hosts, roles, the ledger), but for a tenant's. Everybody who holds anything also reads the
// images of project "shared". uid 0 and bridled's own uid are admin without a Role (bootstrap).
//
// What a caller cannot see is "not found", never "forbidden": names are not given away.
//
// Thread class: values.
#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/object.h"

namespace bridle::api {

namespace json = boost::json;

inline constexpr std::string_view shared_project = "shared";

enum class Role { tenant, auditor, operator_, admin };  // weakest first
inline constexpr std::array all_roles = {Role::tenant, Role::auditor, Role::operator_, Role::admin};
std::string_view name(Role role);

enum class Right { open, read, write, act, console, build, agent, inspect, audit, govern };
inline constexpr std::array all_rights = {
    Right::open,  Right::read,  Right::write,   Right::act,   Right::console,
    Right::build, Right::agent, Right::inspect, Right::audit, Right::govern};
std::string_view name(Right right);
// The table above. Right::open: everybody, also who has no role at all.
bool gives(Role role, Right right);

// The other end of a connection, as the kernel tells.
struct Caller {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;  // supplementary
};

// One Role object's gift to one caller.
struct Grant {
  Role role = Role::tenant;
  bool everywhere = false;
  std::vector<std::string> projects;
  bool raw_allowed = false;
};

// A parsed Role object.
struct RoleRule {
  std::vector<uid_t> uids;
  std::vector<gid_t> gids;
  Grant grant;
};
Result<RoleRule> role_rule(const json::object& spec);

class Access {
 public:
  // own_uid: bridled's.
  static Access of(const Caller& caller, const std::vector<RoleRule>& rules, uid_t own_uid);

  // Holds nothing: 401.
  bool nobody() const { return grants_.empty(); }
  // The strongest role that gives this right there. project empty: where there is no project.
  std::optional<Role> role_for(Right right, std::string_view project) const;
  bool may(Right right, std::string_view project) const {
    return role_for(right, project).has_value();
  }
  // Reads this kind there: the image rule of the shared project included.
  bool sees(model::Kind kind, std::string_view project) const;
  // Holds anything in the project, so that it may be told apart from one that is not there.
  bool knows(std::string_view project) const;
  bool raw_allowed(std::string_view project) const;

  // "uid:1000 (role operator)": of the role that gives the right.
  std::string actor(Right right, std::string_view project) const;

 private:
  uid_t uid_ = static_cast<uid_t>(-1);
  std::vector<Grant> grants_;
};

// Which right a change of an object of this kind needs.
Right right_to_write(model::Kind kind);

}  // namespace bridle::api
