// Authorization: who a caller is, what was given to him, and whether that is enough. Pure: the
// connection supplies who he is, the store what Roles, Bindings and Projects say of him.
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
//   govern  roles, hosts,         x
//           projects
//   delegate bindings             x
//
// Who is named in a Project's owners is operator there and may delegate as well. Whoever delegates
// writes Bindings, which give a role in their own project only, and never more than he himself
// holds there (may_grant).
//
// A grant is (role, project): each role counts in the projects it lists. "*", and an empty list of
// an admin or auditor, means every project; then the role holds also for what has no project
// (hosts, roles, the ledger), but for a tenant's. Everybody who holds anything also reads the
// images of project "shared". uid 0 and bridled's own uid are admin without a Role (bootstrap).
//
// A grant that names a project makes its holder one of the project's own people. Whoever has his
// right from a grant for every project, root included, is an outsider there: to look inside a guest
// (Route::looks_inside) he must give a reason, which the ledger keeps.
//
// What a caller cannot see is "not found", never "forbidden": names are not given away.
//
// Thread class: values.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/identity.h"
#include "base/result.h"
#include "model/object.h"
#include "model/role.h"

namespace bridle::api {

namespace json = boost::json;

inline constexpr std::string_view shared_project = "shared";

enum class Right {
  open,
  read,
  write,
  act,
  console,
  build,
  agent,
  inspect,
  audit,
  govern,
  delegate
};
inline constexpr std::array all_rights = {
    Right::open,  Right::read,    Right::write, Right::act,    Right::console, Right::build,
    Right::agent, Right::inspect, Right::audit, Right::govern, Right::delegate};
std::string_view name(Right right);
// The table above. Right::open: everybody, also who has no role at all.
bool gives(Role role, Right right);

// What an object of the store gives to whom.
struct RoleRule {
  std::vector<model::Subject> subjects;
  Grant grant;
};
// Of a Role, a Binding, or the owners of a Project.
Result<RoleRule> role_rule(const model::Object& object);

// The project that decides who may see an object: a Project object is its own.
std::string_view boundary(model::Kind kind, std::string_view project, std::string_view name);

class Access {
 public:
  // One on the unix socket. own_uid: bridled's. Whoever came over the network gets nothing here.
  static Access of(const Caller& caller, const std::vector<RoleRule>& rules, uid_t own_uid);
  // One who came over the network and has proved to be `credential`: what his credential gives, and
  // what the rules give to it by name.
  static Access of(const Caller& caller, const std::vector<Grant>& own,
                   const std::vector<RoleRule>& rules);

  // Holds nothing: 401.
  bool nobody() const { return grants_.empty(); }
  // The strongest role that gives this right there. project empty: where there is no project.
  std::optional<Role> role_for(Right right, std::string_view project) const;
  bool may(Right right, std::string_view project) const {
    return role_for(right, project).has_value();
  }
  // Reads this kind there: the image rule of the shared project included. Of a Project object,
  // project is its boundary().
  bool sees(model::Kind kind, std::string_view project) const;
  // The projects of which sees() is true, in order; empty optional: every one (and for kinds that
  // have no project, all of them).
  std::optional<std::set<std::string>> seen_projects(model::Kind kind) const;
  // Holds anything in the project, so that it may be told apart from one that is not there.
  bool knows(std::string_view project) const;
  // One of the project's own people: a grant names it.
  bool belongs_to(std::string_view project) const;
  bool raw_allowed(std::string_view project) const;
  // Delegates there, and holds every right of that role (and raw) himself. Code::unauthorized.
  Status may_grant(Role role, bool raw, std::string_view project) const;

  // "uid:1000 (role operator)": of the role that gives the right.
  std::string actor(Right right, std::string_view project) const;

  const std::string& who() const { return who_; }
  const std::vector<Grant>& grants() const { return grants_; }

 private:
  std::string who_;
  std::vector<Grant> grants_;
};

// Which right a change of an object of this kind needs.
Right right_to_write(model::Kind kind);

}  // namespace bridle::api
