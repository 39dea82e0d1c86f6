#include "api/auth.h"

#include <gtest/gtest.h>

#include "api/testing.h"

namespace bridle::api {
namespace {

using testing::Reply;
using testing::World;

Result<RoleRule> parsed(std::string_view spec) {
  model::Object object;
  object.kind = model::Kind::role;
  object.spec = json::parse(json::string_view(spec.data(), spec.size())).as_object();
  return role_rule(object);
}

RoleRule rule(std::string_view spec) { return *parsed(spec); }

TEST(Access, GrantsByUidAndGroup) {
  const std::vector<RoleRule> rules = {
      rule(R"({"role":"operator","subjects":[{"uid":1000}],"projects":["lab"]})"),
      rule(R"({"role":"auditor","subjects":[{"gid":50}],"projects":[]})")};
  const Access operator_lab = Access::of({1000, 1, {}}, rules, 900);
  EXPECT_TRUE(operator_lab.may(Right::write, "lab"));
  EXPECT_FALSE(operator_lab.may(Right::write, "web"));
  EXPECT_FALSE(operator_lab.may(Right::audit, {}));
  EXPECT_EQ(operator_lab.actor(Right::write, "lab"), "uid:1000 (role operator)");
  const Access both = Access::of({1000, 1, {7, 50}}, rules, 900);
  EXPECT_TRUE(both.may(Right::audit, {}));
  EXPECT_TRUE(both.may(Right::read, "web"));
  EXPECT_FALSE(both.may(Right::write, "web"));
  EXPECT_TRUE(Access::of({1, 50, {}}, rules, 900).may(Right::read, "web"));
  EXPECT_TRUE(Access::of({1, 1, {}}, rules, 900).nobody());
}

TEST(Access, BootstrapsRootAndItself) {
  for (const uid_t uid : {0u, 900u}) {
    const Access access = Access::of({uid, 5, {}}, {}, 900);
    for (const Right right : all_rights) EXPECT_TRUE(access.may(right, {}));
    EXPECT_TRUE(access.raw_allowed("any"));
  }
}

TEST(Access, TenantStaysAtHome) {
  const auto everywhere =
      rule(R"({"role":"tenant","subjects":[{"uid":5}],"projects":["*"],"rawAllowed":true})");
  const Access wide = Access::of({5, 5, {}}, {everywhere}, 900);
  EXPECT_TRUE(wide.may(Right::write, "lab"));
  EXPECT_TRUE(wide.raw_allowed("lab"));
  EXPECT_FALSE(wide.may(Right::read, {}));
  const auto home = rule(R"({"role":"tenant","subjects":[{"uid":5}],"projects":["lab"]})");
  const Access access = Access::of({5, 5, {}}, {home}, 900);
  EXPECT_TRUE(access.sees(model::Kind::image, "shared"));
  EXPECT_FALSE(access.sees(model::Kind::machine, "shared"));
  EXPECT_FALSE(access.sees(model::Kind::host, {}));
  EXPECT_FALSE(access.raw_allowed("lab"));
  EXPECT_FALSE(access.knows("web"));
}

TEST(Access, RefusesRulesThatAreNone) {
  for (const char* spec :
       {"{}", R"({"role":"god"})", R"({"role":"admin","subjects":{}})",
        R"({"role":"admin","subjects":[1]})", R"({"role":"admin","subjects":[{"uid":-1}]})",
        R"({"role":"admin","subjects":[{"uid":4294967296}]})",
        R"({"role":"admin","subjects":[],"projects":"lab"})", R"({"role":"admin","projects":[1]})"})
    EXPECT_FALSE(parsed(spec).ok()) << spec;
}

// What each role may do, spelled out beside the table in auth.cc.
TEST(Access, MatrixIsAsDocumented) {
  const std::map<std::string, std::string> expected = {
      {"open", "taoA"},   {"read", "taoA"}, {"write", "toA"}, {"act", "toA"},
      {"console", "toA"}, {"build", "oA"},  {"agent", "oA"},  {"inspect", "aoA"},
      {"audit", "aoA"},   {"govern", "A"},  {"delegate", "A"}};
  for (const Right right : all_rights) {
    std::string who;
    for (const Role role : all_roles)
      if (gives(role, right)) who += "taoA"[static_cast<size_t>(role)];
    EXPECT_EQ(who, expected.at(std::string(name(right)))) << name(right);
  }
}

std::string target_of(const Route& route, std::string_view project) {
  std::string out = route.pattern;
  const auto put = [&](std::string_view variable, std::string_view value) {
    const size_t at = out.find(variable);
    if (at != std::string::npos) out.replace(at, variable.size(), value);
  };
  put("{project}", project);
  put("{name}", "thing");
  return out;
}

// Each route of the table, asked by each role, in its project, in another, and by a stranger: the
// table's right and scope decide, before the handler sees anything.
TEST(Access, EveryRouteAsksTheMatrix) {
  World world;
  uid_t uid = 1000;
  for (const Role role : all_roles) world.have_role(name(role), name(role), uid++, R"(["lab"])");
  for (const Route& route : world.api.router().routes()) {
    const std::string what = std::string(route.method) + " " + route.pattern;
    const Reply stranger = world.ask({5000, 5000, {}}, route.method, target_of(route, "lab"));
    EXPECT_EQ(stranger.status, route.right == Right::open ? 200 : 401) << what;
    uid = 1000;
    for (const Role role : all_roles) {
      const Caller caller{uid++, 1, {}};
      const size_t acts = world.backend.acts.size();
      const Reply home = world.ask(caller, route.method, target_of(route, "lab"));
      const Reply away = world.ask(caller, route.method, target_of(route, "web"));
      if (route.scope == Scope::host) {
        EXPECT_EQ(home.status, 403) << what << " by " << name(role);
      } else if (route.scope == Scope::project) {
        EXPECT_EQ(home.status == 403, !gives(role, route.right)) << what << " by " << name(role);
        EXPECT_EQ(away.status, 404) << what << " by " << name(role);
        EXPECT_NE(testing::text(away.body, "error.message").find("no project web"),
                  std::string::npos);
      } else {
        EXPECT_NE(home.status, 403) << what << " by " << name(role);
      }
      EXPECT_EQ(world.backend.acts.size(), acts) << what << " by " << name(role);
    }
  }
}

TEST(Access, HostRoutesAskForEveryProject) {
  World world;
  uid_t uid = 1000;
  for (const Role role : all_roles) world.have_role(name(role), name(role), uid++, R"(["*"])");
  for (const Route& route : world.api.router().routes()) {
    if (route.scope != Scope::host) continue;
    uid = 1000;
    for (const Role role : all_roles) {
      const Reply reply = world.ask({uid++, 1, {}}, route.method, target_of(route, ""));
      const bool allowed = role != Role::tenant && gives(role, route.right);
      EXPECT_EQ(reply.status != 403, allowed) << route.pattern << " by " << name(role);
    }
  }
}

TEST(Access, FollowsRolesAsTheyChange) {
  World world;
  const Caller caller{1000, 1, {}};
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 401);
  world.have_role("lab", "tenant", 1000, R"(["lab"])");
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 200);
  world.commit("/spec/host/-/other", "{}");
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 200);
  world.commit(model::spec_key(model::Kind::role, {}, "lab"), std::nullopt);
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 401);
  world.commit(model::spec_key(model::Kind::role, {}, "bad"), "not json");
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 401);
  EXPECT_EQ(world.ask(World::root, "GET", "/version").status, 200);
}

}  // namespace
}  // namespace bridle::api
