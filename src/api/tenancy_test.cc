#include "api/tenancy.h"

#include <gtest/gtest.h>

#include "api/testing.h"

namespace bridle::api {
namespace {

using testing::at;
using testing::Reply;
using testing::text;
using testing::World;

const Caller ann{1000, 1}, bob{1001, 1}, cid{1002, 1}, stranger{1003, 1};

std::string machine(int cpus, const std::string& memory = "128MiB") {
  return R"({"apiVersion":"bridle/v1","kind":"Machine","metadata":{"owner":"ann"},"spec":)"
         R"({"image":"tiny","cpus":)" +
         std::to_string(cpus) + R"(,"memory":")" + memory + R"("}})";
}

std::string volume(const std::string& spec) {
  return R"({"apiVersion":"bridle/v1","kind":"Volume","metadata":{},"spec":)" + spec + "}";
}

std::string binding(const std::string& spec) {
  return R"({"apiVersion":"bridle/v1","kind":"Binding","metadata":{},"spec":)" + spec + "}";
}

std::string in_lab(const std::string& rest) { return "/api/v1/projects/lab/" + rest; }

// Project lab: ann owns it, bob is tenant, cid admin of the project.
void have_lab(World& world, const std::string& quota) {
  world.have(model::Kind::project, {}, "lab",
             R"({"quota":)" + quota + R"(,"owners":[{"uid":1000}]})");
  world.have_role("bob", "tenant", bob.uid, R"(["lab"])");
  world.have_role("cid", "admin", cid.uid, R"(["lab"])");
}

TEST(Quota, RefusesWithUsedLimitAndAsked) {
  World world;
  have_lab(world, R"({"guests":2,"cpus":4,"memory":"1GiB","disk":"10GiB"})");
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("machines/a"), machine(3)).status, 201);
  const Reply cpus = world.ask(bob, "PUT", in_lab("machines/b"), machine(2));
  EXPECT_EQ(cpus.status, 422);
  EXPECT_EQ(text(cpus.body, "error.code"), "refused");
  EXPECT_NE(text(cpus.body, "error.message").find("cpus: 3 used, limit 4, 2 more asked"),
            std::string::npos)
      << cpus.response.body;
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("machines/b"), machine(1)).status, 201);
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("machines/c?dryRun=true"), machine(1)).status, 422);
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("machines/a"), machine(2)).status, 200);  // smaller
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("machines/a"), machine(4)).status, 422);
  // Other projects have their own, or none.
  EXPECT_EQ(world.ask(World::root, "PUT", "/api/v1/projects/web/machines/a", machine(64)).status,
            201);
}

TEST(Quota, CountsDisksAlsoOfImages) {
  World world;
  have_lab(world, R"({"disk":"10GiB"})");
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("volumes/a"), volume(R"({"size":"6GiB"})")).status, 201);
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("volumes/b"), volume(R"({"size":"5GiB"})")).status, 422);
  const Reply unknown = world.ask(bob, "PUT", in_lab("volumes/b"), volume(R"({"image":"debian"})"));
  EXPECT_EQ(unknown.status, 422);
  EXPECT_EQ(text(unknown.body, "error.path"), "spec.size");
  world.have(model::Kind::image, "shared", "debian", R"({"recipe":"debian"})",
             R"({"phase":"ready","diskVirtualSize":"3GiB"})");
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("volumes/b"), volume(R"({"image":"debian"})")).status,
            201);
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("volumes/c"), volume(R"({"image":"debian"})")).status,
            422);
  const Reply project = world.ask(bob, "GET", "/api/v1/projects/lab");
  EXPECT_EQ(text(project.body, "status.usage.disk"), "9GiB");
}

TEST(Quota, CountsOperationsInFlight) {
  World world;
  have_lab(world, R"({"operations":1})");
  world.have(model::Kind::machine, "lab", "a", R"({"power":"running","image":"tiny"})",
             R"({"phase":"running"})");
  const std::string reset = in_lab("machines/a/actions/reset");
  const Reply first = world.ask(bob, "POST", reset);
  ASSERT_EQ(first.status, 202);
  const Reply second = world.ask(bob, "POST", reset);
  EXPECT_EQ(second.status, 422);
  EXPECT_NE(text(second.body, "error.message").find("operations: 1 used, limit 1, 1 more asked"),
            std::string::npos);
  // A forced stop gives back; it is never in the way.
  EXPECT_EQ(world.ask(bob, "POST", in_lab("machines/a/actions/stop"), R"({"force":true})").status,
            200);
  world.commit(model::status_key(model::Kind::operation, "lab", text(first.body, "metadata.name")),
               R"({"phase":"succeeded"})");
  EXPECT_EQ(world.ask(bob, "POST", reset).status, 202);
}

// The other create is committed between this one's admission and its commit.
TEST(Quota, CannotBeRaced) {
  World world;
  have_lab(world, R"({"guests":1,"operations":1})");
  std::optional<Reply> other;
  world.backend.before_commit = [&] {
    other = world.ask(bob, "PUT", in_lab("machines/b"), machine(1));
  };
  const Reply late = world.ask(bob, "PUT", in_lab("machines/a"), machine(1));
  EXPECT_EQ(other->status, 201);
  EXPECT_EQ(late.status, 422);
  EXPECT_EQ(world.ask(bob, "GET", in_lab("machines/a")).status, 404);
  world.commit(model::status_key(model::Kind::machine, "lab", "b"), R"({"phase":"running"})");
  world.backend.before_commit = [&] {
    other = world.ask(bob, "POST", in_lab("machines/b/actions/reset"));
  };
  EXPECT_EQ(world.ask(bob, "POST", in_lab("machines/b/actions/reset")).status, 422);
  EXPECT_EQ(other->status, 202);
}

// Another daemon over the same store commits between the reservation and the commit: what was read
// is expected, so one of the two is a conflict.
TEST(Quota, IsGuardedByRevisions) {
  World world;
  have_lab(world, R"({"guests":9})");
  store::Store& store = world.backend.store();
  model::Object wanted;
  wanted.kind = model::Kind::machine;
  wanted.metadata.project = "lab";
  wanted.spec = {{"image", "tiny"}};
  for (int round = 0; round < 2; ++round) {
    const auto one = reserve_quota(store, wanted, nullptr), two = reserve_quota(store, wanted, {});
    ASSERT_TRUE(one.ok() && two.ok());
    ASSERT_EQ(one->size(), 2u);
    EXPECT_TRUE(store.commit(*one, store::Durability::full).ok());
    EXPECT_EQ(store.commit(*two, store::Durability::full).error().code(), Code::conflict);
  }
  // So is one that crosses a change of the quota.
  const auto late = reserve_quota(store, wanted, nullptr);
  have_lab(world, R"({"guests":0})");
  EXPECT_EQ(store.commit(*late, store::Durability::full).error().code(), Code::conflict);
}

TEST(Project, ShowsUsageToItsPeopleOnly) {
  World world;
  have_lab(world, R"({"guests":5})");
  world.have(model::Kind::project, {}, "vault", R"({"quota":{},"owners":[]})");
  world.ask(bob, "PUT", in_lab("machines/a"), machine(2, "256MiB"));
  const Reply list = world.ask(bob, "GET", "/api/v1/projects");
  ASSERT_EQ(list.body.at("items").as_array().size(), 1u);
  const json::value& lab = list.body.at("items").at(0);
  EXPECT_EQ(text(lab, "metadata.name"), "lab");
  EXPECT_EQ(text(lab, "status.usage.guests"), "1");
  EXPECT_EQ(text(lab, "status.usage.cpus"), "2");
  EXPECT_EQ(text(lab, "status.usage.memory"), "256MiB");
  EXPECT_EQ(world.ask(bob, "GET", "/api/v1/projects/vault").status, 404);
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/projects").body.at("items").as_array().size(),
            2u);
  // Pages end where what is shown ends.
  world.have_role("bob2", "tenant", bob.uid, R"(["lab-2"])");
  world.have(model::Kind::project, {}, "lab-2", R"({"quota":{},"owners":[]})");
  world.have(model::Kind::project, {}, "lab-1", R"({"quota":{},"owners":[]})");
  const Reply page = world.ask(bob, "GET", "/api/v1/projects?limit=1");
  EXPECT_EQ(text(page.body, "continue"), "-.lab");
  const Reply rest = world.ask(bob, "GET", "/api/v1/projects?limit=1&continue=-.lab");
  EXPECT_EQ(text(rest.body.at("items").at(0), "metadata.name"), "lab-2");
  EXPECT_EQ(text(rest.body, "continue"), "");
}

TEST(Project, IsDeletedOnlyWhenEmpty) {
  World world;
  have_lab(world, "{}");
  for (int i = 0; i < 12; ++i)
    world.ask(bob, "PUT", in_lab("machines/m" + std::to_string(i)), machine(1));
  const Reply refused = world.ask(World::root, "DELETE", "/api/v1/projects/lab");
  EXPECT_EQ(refused.status, 409);
  const std::string message = text(refused.body, "error.message");
  EXPECT_NE(message.find("project/lab still holds machine/lab/m0, machine/lab/m1,"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("and 2 more; delete them first"), std::string::npos) << message;
  for (int i = 0; i < 12; ++i)
    world.commit(model::spec_key(model::Kind::machine, "lab", "m" + std::to_string(i)),
                 std::nullopt);
  // What is left of it goes along: 600 events, an operation that ended.
  for (int i = 0; i < 600; ++i)
    world.have(model::Kind::event, "lab", "e" + std::to_string(i), "{}");
  world.have(model::Kind::operation, "lab", "op",
             R"({"verb":"reset","target":{"kind":"Machine","project":"lab","name":"m0"}})",
             R"({"phase":"failed"})");
  const Reply deleted = world.ask(World::root, "DELETE", "/api/v1/projects/lab");
  EXPECT_EQ(deleted.status, 200) << deleted.response.body;
  for (const char* prefix : {"/spec/event/lab/", "/spec/operation/lab/", "/status/operation/lab/",
                             "/spec/project/", "/status/project/"})
    EXPECT_TRUE(world.backend.store().list(prefix)->entries.empty()) << prefix;
}

TEST(Project, IsNotDeletedWhileSomethingComes) {
  World world;
  have_lab(world, R"({"guests":9})");
  world.backend.before_commit = [&] {
    EXPECT_EQ(world.ask(bob, "PUT", in_lab("machines/a"), machine(1)).status, 201);
  };
  EXPECT_EQ(world.ask(World::root, "DELETE", "/api/v1/projects/lab").status, 409);
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/projects/lab").status, 200);
}

TEST(Delegation, GivesWhatOneHasAndNoMore) {
  World world;
  have_lab(world, "{}");
  const auto give = [&](const Caller& who, const std::string& name, const std::string& role,
                        const std::string& more = "") {
    return world
        .ask(who, "PUT", in_lab("bindings/" + name),
             binding(R"({"role":")" + role + R"(","subjects":[{"uid":1003}])" + more + "}"))
        .status;
  };
  EXPECT_EQ(give(bob, "b", "tenant"), 403);  // tenants do not delegate
  for (const char* role : {"tenant", "auditor", "operator"}) EXPECT_EQ(give(ann, role, role), 201);
  EXPECT_EQ(give(ann, "a", "admin"), 403);
  EXPECT_EQ(give(ann, "r", "tenant", R"(,"rawAllowed":true)"), 403);
  EXPECT_EQ(give(cid, "c", "admin", R"(,"rawAllowed":true)"), 201);
  // What an admin gave is not an owner's to change or take, nor to make anew in her name.
  EXPECT_EQ(give(ann, "c", "tenant"), 403);
  EXPECT_EQ(world.ask(ann, "DELETE", in_lab("bindings/c")).status, 403);
  EXPECT_EQ(world.ask(cid, "DELETE", in_lab("bindings/c")).status, 200);
  EXPECT_EQ(world.ask(ann, "DELETE", in_lab("bindings/operator")).status, 200);
  // Elsewhere nobody of them is anybody.
  EXPECT_EQ(world
                .ask(ann, "PUT", "/api/v1/projects/web/bindings/b",
                     binding(R"({"role":"tenant","subjects":[{"uid":1000}]})"))
                .status,
            404);
  // Neither roles nor projects are an owner's or a project admin's.
  for (const Caller& who : {ann, cid}) {
    EXPECT_EQ(world.ask(who, "PUT", "/api/v1/roles/r", "{}").status, 403);
    EXPECT_EQ(world.ask(who, "PUT", "/api/v1/projects/lab", "{}").status, 403);
  }
}

TEST(Delegation, CountsAtOnceAndInItsProjectOnly) {
  World world;
  have_lab(world, "{}");
  world.have(model::Kind::machine, "web", "a", R"({"image":"tiny"})");
  EXPECT_EQ(world.ask(stranger, "GET", in_lab("machines")).status, 401);
  world.ask(ann, "PUT", in_lab("bindings/x"),
            binding(R"({"role":"auditor","subjects":[{"uid":1003},{"token":"ci"}]})"));
  EXPECT_EQ(world.ask(stranger, "GET", in_lab("machines")).status, 200);
  EXPECT_EQ(world.ask(stranger, "GET", "/api/v1/projects/web/machines").status, 404);
  EXPECT_EQ(world.ask(stranger, "GET", "/api/v1/ledger").status, 403);
  world.ask(ann, "DELETE", in_lab("bindings/x"));
  EXPECT_EQ(world.ask(stranger, "GET", in_lab("machines")).status, 401);
}

TEST(Delegation, NamesCredentials) {
  const model::Subject token{{}, {}, "ci", {}}, certificate{{}, {}, {}, "ann"};
  const std::vector<RoleRule> rules = {{{token}, {Role::tenant, false, {"lab"}, false, false}},
                                       {{certificate}, {Role::auditor, true, {}, false, false}}};
  Caller ci;
  ci.source = Source::token;
  ci.credential = "ci";
  EXPECT_TRUE(Access::of(ci, std::vector<Grant>{}, rules).may(Right::write, "lab"));
  EXPECT_FALSE(Access::of(ci, std::vector<Grant>{}, rules).may(Right::read, "web"));
  const std::vector<Grant> own = {{Role::auditor, false, {"web"}, false, false}};
  const Access both = Access::of(ci, own, rules);
  EXPECT_TRUE(both.may(Right::read, "web"));
  EXPECT_TRUE(both.may(Right::write, "lab"));
  // A name alone, which anybody may claim, is nothing.
  EXPECT_TRUE(Access::of(ci, rules, 900).nobody());
  Caller impostor = ci;  // a certificate of the token's name
  impostor.source = Source::certificate;
  EXPECT_TRUE(Access::of(impostor, std::vector<Grant>{}, rules).nobody());
  impostor.credential = "ann";
  EXPECT_TRUE(Access::of(impostor, std::vector<Grant>{}, rules).may(Right::audit, {}));
  Caller unknown;  // neither uid nor credential
  const std::vector<RoleRule> odd = {{{{UINT32_MAX, {}, {}, {}}}, {Role::admin, true, {}, true}}};
  EXPECT_TRUE(Access::of(unknown, odd, 900).nobody());
}

TEST(Zone, OfAnotherProjectNeedsAnAdmin) {
  World world;
  have_lab(world, "{}");
  const auto zoned = [](const std::string& zone) {
    return R"({"apiVersion":"bridle/v1","kind":"Machine","metadata":{"owner":"ann"},"spec":)"
           R"({"image":"tiny","zone":")" +
           zone + R"("}})";
  };
  EXPECT_EQ(world.ask(bob, "PUT", in_lab("machines/a"), zoned("lab")).status, 201);
  EXPECT_EQ(world.ask(cid, "PUT", in_lab("machines/b"), zoned("vault")).status, 403);
  EXPECT_EQ(world.ask(World::root, "PUT", in_lab("machines/b"), zoned("vault")).status, 201);
}

std::string can(World& world, const Caller& who, const std::string& query) {
  const Reply reply = world.ask(who, "GET", "/api/v1/auth/can-i?" + query);
  if (reply.status != 200) return std::to_string(reply.status);
  return text(reply.body, "allowed");
}

TEST(WhoAmI, TellsTheCallerHisGrants) {
  World world;
  have_lab(world, "{}");
  const Reply me = world.ask(ann, "GET", "/api/v1/auth/whoami");
  EXPECT_EQ(json::serialize(me.body),
            R"({"identity":"uid:1000","grants":[{"role":"operator","everywhere":false,)"
            R"("projects":["lab"],"rawAllowed":false,"owner":true}]})");
  EXPECT_EQ(world.ask(stranger, "GET", "/api/v1/auth/whoami").status, 401);
}

TEST(CanI, AnswersAsTheRequestWould) {
  World world;
  have_lab(world, "{}");
  EXPECT_EQ(can(world, bob, "verb=start&kind=machine&project=lab"), "true");
  EXPECT_EQ(can(world, bob, "verb=create&kind=machines&project=lab"), "true");
  EXPECT_EQ(can(world, bob, "verb=build&kind=image&project=lab"), "false");
  EXPECT_EQ(can(world, bob, "verb=list&kind=ledger"), "400");
  EXPECT_EQ(can(world, bob, "verb=get&kind=ledger"), "false");
  EXPECT_EQ(can(world, bob, "verb=get&kind=image&name=x&project=shared"), "true");
  EXPECT_EQ(can(world, bob, "verb=get&kind=machine&name=x&project=shared"), "false");
  EXPECT_EQ(can(world, bob, "verb=get&kind=role&name=bob"), "false");
  EXPECT_EQ(can(world, bob, "verb=get&kind=project&name=lab"), "true");
  EXPECT_EQ(can(world, bob, "verb=delete&kind=project&name=lab"), "false");
  EXPECT_EQ(can(world, ann, "verb=apply&kind=binding&project=lab"), "true");
  EXPECT_EQ(can(world, World::root, "verb=apply&kind=role&name=x"), "true");
  EXPECT_EQ(can(world, bob, "verb=fly&kind=machine&project=lab"), "400");
  EXPECT_EQ(can(world, bob, "verb=get&kind=dragon"), "400");
  EXPECT_EQ(can(world, bob, "verb=get"), "400");
}

TEST(CanI, TellsNothingOfWhatIsHidden) {
  World world;
  have_lab(world, "{}");
  world.have(model::Kind::machine, "vault", "plans", R"({"image":"tiny"})");
  const auto asked = [&](const std::string& project, const std::string& name) {
    return world
        .ask(bob, "GET",
             "/api/v1/auth/can-i?verb=get&kind=machine&name=" + name + "&project=" + project)
        .response.body;
  };
  std::string absent = asked("ghost", "other");
  absent.replace(absent.find("ghost"), 5, "vault");
  EXPECT_EQ(asked("vault", "plans"), absent);
}

TEST(CanI, AsksForOthersOnlyWhereOneGoverns) {
  World world;
  have_lab(world, "{}");
  const std::string start = "verb=start&kind=machine&project=lab&as=";
  EXPECT_EQ(can(world, World::root, start + "uid:1001"), "true");
  EXPECT_EQ(can(world, World::root, start + "uid:5"), "false");
  EXPECT_EQ(can(world, ann, start + "uid:1001"), "true");
  EXPECT_EQ(can(world, ann, "verb=get&kind=ledger&as=uid:1001"), "403");
  EXPECT_EQ(can(world, ann, "verb=start&kind=machine&project=web&as=uid:1001"), "403");
  EXPECT_EQ(can(world, bob, start + "uid:1000"), "403");
  world.have(model::Kind::binding, "lab", "g", R"({"role":"tenant","subjects":[{"gid":50}]})");
  EXPECT_EQ(can(world, World::root, start + "uid:5,gid:49,gid:50"), "true");
  for (const char* bad : {"5", "uid:", "uid:x", "gid:5", "uid:5,uid:6", "uid:5,gid:",
                          "uid:4294967295", "token:", "token:A", "user:ann", ",", "uid:5,"})
    EXPECT_EQ(can(world, World::root, start + bad), bad == std::string("uid:5,") ? "false" : "400")
        << bad;
}

}  // namespace
}  // namespace bridle::api
