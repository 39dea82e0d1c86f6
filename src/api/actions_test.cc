#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/openapi.h"
#include "api/testing.h"
#include "wire/socket.h"

namespace bridle::api {
namespace {

using testing::at;
using testing::Reply;
using testing::text;
using testing::World;

constexpr auto web = "/api/v1/projects/lab/machines/web";
const std::string actions = std::string(web) + "/actions/";

void have_machine(World& world, const char* power, const char* phase) {
  world.have(model::Kind::machine, "lab", "web",
             std::string(R"({"power":")") + power + R"(","image":"tiny"})",
             std::string(R"({"phase":")") + phase + R"(","machineGeneration":3})");
}

TEST(Power, WritesTheWish) {
  World world;
  have_machine(world, "stopped", "defined");
  const Reply started = world.ask(World::root, "POST", actions + "start");
  ASSERT_EQ(started.status, 200) << started.response.body;
  EXPECT_EQ(text(started.body, "spec.power"), "running");
  EXPECT_EQ(text(started.body, "metadata.generation"), "2");
  EXPECT_EQ(world.backend.acts.back().verb, "start");
  EXPECT_EQ(world.backend.acts.back().generation, 3u);
  world.commit(model::status_key(model::Kind::machine, "lab", "web"), R"({"phase":"running"})");
  EXPECT_EQ(world.ask(World::root, "POST", actions + "start").status, 200);
  EXPECT_EQ(world.backend.acts.size(), 1u);  // it is so already
  EXPECT_EQ(text(world.ask(World::root, "POST", actions + "pause").body, "spec.power"), "paused");
  EXPECT_EQ(text(world.ask(World::root, "POST", actions + "resume").body, "spec.power"), "running");
  EXPECT_EQ(text(world.ask(World::root, "POST", actions + "stop").body, "spec.power"), "stopped");
}

TEST(Power, RefusesWhatMakesNoSense) {
  World world;
  have_machine(world, "stopped", "defined");
  for (const char* action : {"pause", "resume", "reset"})
    EXPECT_EQ(world.ask(World::root, "POST", actions + action).status, 409) << action;
  EXPECT_EQ(world.ask(World::root, "POST", actions + "define").status, 404);
  EXPECT_EQ(world.ask(World::root, "POST", actions + "start", R"({"force":true})").status, 400);
  EXPECT_EQ(world.ask(World::root, "POST", actions + "stop", R"({"force":1})").status, 400);
  EXPECT_EQ(world.ask(World::root, "GET", actions + "start").status, 405);
  EXPECT_EQ(world.ask(World::root, "POST", "/api/v1/projects/lab/machines/no/actions/start").status,
            404);
  world.backend.admission_error = Error(Code::refused, "no memory left");
  EXPECT_EQ(world.ask(World::root, "POST", actions + "start").status, 422);
  EXPECT_TRUE(world.backend.acts.empty());
}

TEST(Power, StartsAgainWhatEnded) {
  World world;
  have_machine(world, "running", "failed");
  EXPECT_EQ(text(world.ask(World::root, "POST", actions + "start").body, "metadata.generation"),
            "2");
}

TEST(Power, ForceMakesAnOperationInTheSameCommit) {
  World world;
  have_machine(world, "running", "running");
  const Fields key = {{"idempotency-key", "k1"}};
  const Reply stopped = world.ask(World::root, "POST", actions + "stop", R"({"force":true})", key);
  ASSERT_EQ(stopped.status, 200) << stopped.response.body;
  EXPECT_EQ(text(stopped.body, "spec.power"), "stopped");
  const Reply list = world.ask(World::root, "GET", "/api/v1/operations");
  ASSERT_EQ(list.body.at("items").as_array().size(), 1u);
  EXPECT_EQ(text(list.body.at("items").as_array()[0], "spec.verb"), "stop");
  EXPECT_EQ(world.backend.acts.size(), 1u);
  // The same key again: the same operation.
  EXPECT_EQ(world.ask(World::root, "POST", actions + "stop", R"({"force":true})", key).status, 200);
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/operations").body.at("items").as_array().size(),
            1u);
}

TEST(Power, TriesARaceAgain) {
  World world;
  have_machine(world, "stopped", "defined");
  const std::string key = model::spec_key(model::Kind::machine, "lab", "web");
  const std::string stored = (*world.backend.store().get(key))->value;
  world.backend.before_commit = [&] { world.commit(key, stored); };
  EXPECT_EQ(world.ask(World::root, "POST", actions + "start").status, 200);
  EXPECT_EQ(world.backend.acts.size(), 2u);
}

TEST(Operations, AreMadeOnce) {
  World world;
  have_machine(world, "running", "running");
  const Fields key = {{"idempotency-key", "abc"}};
  const Reply first = world.ask(World::root, "POST", actions + "reset", {}, key);
  ASSERT_EQ(first.status, 202) << first.response.body;
  EXPECT_EQ(text(first.body, "kind"), "Operation");
  EXPECT_EQ(text(first.body, "spec.verb"), "reset");
  EXPECT_EQ(text(first.body, "spec.target.name"), "web");
  EXPECT_EQ(text(first.body, "spec.requestedBy"), "uid:0 (role admin)");
  const Reply second = world.ask(World::root, "POST", actions + "reset", {}, key);
  EXPECT_EQ(second.status, 202);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(world.backend.acts.size(), 1u);
  // Another caller's key is another key; no key is a new operation each time.
  const Reply other = world.ask({900, 900, {}}, "POST", actions + "reset", {}, key);
  EXPECT_NE(text(other.body, "metadata.name"), text(first.body, "metadata.name"));
  const Reply plain = world.ask(World::root, "POST", actions + "reset");
  EXPECT_NE(text(plain.body, "metadata.name"),
            text(world.ask(World::root, "POST", actions + "reset").body, "metadata.name"));
  for (const std::string& bad : {std::string("a b"), std::string(129, 'a'), std::string("\x7f")})
    EXPECT_EQ(
        world.ask(World::root, "POST", actions + "reset", {}, {{"idempotency-key", bad}}).status,
        400);
}

TEST(Operations, KeyOfOtherWorkIsRefused) {
  World world;
  have_machine(world, "running", "running");
  world.have(model::Kind::image, "lab", "tiny", R"({"recipe":"tiny"})");
  const Fields key = {{"idempotency-key", "abc"}};
  ASSERT_EQ(world.ask(World::root, "POST", actions + "reset", {}, key).status, 202);
  const std::string build = "/api/v1/projects/lab/images/tiny/actions/build";
  EXPECT_EQ(world.ask(World::root, "POST", build, {}, key).status, 409);
  const Reply built = world.ask(World::root, "POST", build);
  EXPECT_EQ(built.status, 202);
  EXPECT_EQ(text(built.body, "spec.target.kind"), "image");
  EXPECT_EQ(world.backend.acts.back().object, "image/lab/tiny");
}

TEST(Operations, RaceOfTheSameKeyGivesTheSame) {
  World world;
  have_machine(world, "running", "running");
  const Fields key = {{"idempotency-key", "abc"}};
  Reply inner;
  world.backend.before_commit = [&] {
    inner = world.ask(World::root, "POST", actions + "reset", {}, key);
  };
  const Reply outer = world.ask(World::root, "POST", actions + "reset", {}, key);
  EXPECT_EQ(outer.status, 202);
  EXPECT_EQ(outer.body, inner.body);
}

TEST(Operations, Cancel) {
  World world;
  have_machine(world, "running", "running");
  const Reply made = world.ask(World::root, "POST", actions + "reset");
  const std::string name = text(made.body, "metadata.name");
  const std::string target = "/api/v1/projects/lab/operations/" + name;
  const Reply cancelled = world.ask(World::root, "POST", target + "/actions/cancel");
  EXPECT_EQ(cancelled.status, 202);
  EXPECT_EQ(text(cancelled.body, "spec.cancel"), "true");
  EXPECT_EQ(world.backend.acts.back().verb, "cancel");
  EXPECT_EQ(world.ask(World::root, "POST", target + "/actions/cancel").status, 202);
  world.commit(model::status_key(model::Kind::operation, "lab", name), R"({"phase":"cancelled"})");
  const Reply again = world.ask(World::root, "POST", target + "/actions/cancel");
  EXPECT_EQ(again.status, 409);
  EXPECT_TRUE(text(again.body, "error.message").ends_with("has already ended: cancelled"));
  const Reply ended = world.ask(World::root, "POST", actions + "reset");
  const std::string other = text(ended.body, "metadata.name");
  world.commit(model::status_key(model::Kind::operation, "lab", other), R"({"phase":"succeeded"})");
  EXPECT_EQ(
      world.ask(World::root, "POST", "/api/v1/projects/lab/operations/" + other + "/actions/cancel")
          .status,
      409);
  EXPECT_EQ(world.ask(World::root, "PUT", target, "{}").status, 405);
  EXPECT_EQ(world.ask(World::root, "DELETE", target).response.headers.back().second, "GET");
}

TEST(Console, UpgradesOnly) {
  World world;
  have_machine(world, "running", "running");
  const std::string target = std::string(web) + "/console?scrollback=100";
  const Fields why = {{"x-bridle-reason", "ticket 7"}};
  const Fields upgrade = {{"connection", "keep-alive, Upgrade"},
                          {"upgrade", "bridle-stream"},
                          {"x-bridle-reason", "ticket 7"}};
  EXPECT_EQ(world.ask(World::root, "GET", target, {}, why).status, 426);
  EXPECT_EQ(world
                .ask(World::root, "GET", target, {},
                     {{"connection", "upgrade"}, {"upgrade", "websocket"}, why[0]})
                .status,
            426);
  EXPECT_EQ(world.ask(World::root, "GET", target, {}, upgrade).status, 409);
  auto pair = wire::socket_pair(SOCK_STREAM);
  world.backend.console = std::move(pair->first);
  EXPECT_EQ(world.ask(World::root, "GET", target, {}, upgrade).status, 101);
  EXPECT_EQ(world.backend.scrollback_asked, 100u);
  EXPECT_EQ(world.backend.acts.back().verb, "console");
  EXPECT_EQ(world.backend.acts.back().reason, "ticket 7");
  EXPECT_EQ(
      world.ask(World::root, "GET", std::string(web) + "/console?scrollback=9999999", {}, upgrade)
          .status,
      400);
}

TEST(Display, IsAStreamAfterAnUpgradeOrAPicture) {
  World world;
  have_machine(world, "running", "running");
  const std::string vnc = std::string(web) + "/vnc", screen = std::string(web) + "/screen";
  const Fields why = {{"x-bridle-reason", "ticket 8"}};
  Fields upgrade = why;
  upgrade.insert(upgrade.end(), {{"connection", "Upgrade"}, {"upgrade", "bridle-stream"}});
  EXPECT_EQ(world.ask(World::root, "GET", vnc, {}, why).status, 426);
  EXPECT_EQ(world.ask(World::root, "GET", vnc, {}, upgrade).status, 409);
  EXPECT_EQ(world.ask(World::root, "GET", screen, {}, why).status, 409);
  auto pair = wire::socket_pair(SOCK_STREAM);
  world.backend.display = std::move(pair->first);
  world.backend.picture = "a picture";
  EXPECT_EQ(world.ask(World::root, "GET", vnc, {}, upgrade).status, 101);
  EXPECT_EQ(world.backend.acts.back().verb, "vnc");
  const auto picture = world.ask(World::root, "GET", screen, {}, why);
  EXPECT_EQ(picture.status, 200);
  EXPECT_EQ(picture.response.body, "a picture");
  EXPECT_EQ(picture.response.content_type, "image/png");
  EXPECT_EQ(world.backend.acts.back().verb, "screen");
  EXPECT_EQ(world.backend.acts.back().reason, "ticket 8");
}

TEST(Agent, PassesCheckedRequests) {
  World world;
  have_machine(world, "running", "running");
  const std::string target = std::string(web) + "/agent";
  const Fields why = {{"x-bridle-reason", "ticket 7"}};
  const Reply reply = world.ask(World::root, "POST", target, R"({"do":"ping"})", why);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(text(reply.body, "asked"), "ping");
  for (const char* bad : {"", "[]", R"({"do":"format"})", R"({"do":"exec"})"})
    EXPECT_EQ(world.ask(World::root, "POST", target, bad, why).status, 400) << bad;
  EXPECT_EQ(world.backend.acts.size(), 1u);
}

// Each route that looks into a guest, by insiders and outsiders, with and without a reason.
TEST(Reason, IsDemandedOfOutsiders) {
  World world;
  have_machine(world, "running", "running");
  world.have_role("all", "operator", 1000, R"(["*"])");
  world.have_role("lab", "operator", 1001, R"(["lab"])");
  world.have_role("both", "operator", 1002, R"(["lab", "*"])");
  size_t routes = 0;
  for (const Route& route : world.api.router().routes()) {
    if (!route.looks_inside) continue;
    ++routes;
    std::string target = route.pattern;
    target.replace(target.find("{project}"), 9, "lab");
    target.replace(target.find("{name}"), 6, "web");
    for (const Caller& outsider : {World::root, Caller{1000, 1}}) {
      for (const char* reason : {"", "  "}) {
        const Reply reply =
            world.ask(outsider, route.method, target, {}, {{"x-bridle-reason", reason}});
        EXPECT_EQ(reply.status, 422) << target;
        EXPECT_EQ(text(reply.body, "error.code"), "refused");
      }
      EXPECT_NE(world.ask(outsider, route.method, target, {}, {{"x-bridle-reason", "t7"}}).status,
                422);
    }
    for (const uid_t insider : {1001u, 1002u})
      EXPECT_NE(world.ask({insider, 1}, route.method, target).status, 422) << target;
  }
  EXPECT_GE(routes, 2u);
  for (const std::string& bad : {std::string(257, 'x'), std::string("\xff"), std::string("a\tb")})
    EXPECT_EQ(
        world.ask(World::root, "GET", std::string(web), {}, {{"x-bridle-reason", bad}}).status,
        400);
}

TEST(Ledger, IsPaged) {
  World world;
  for (int i = 0; i < 3; ++i)
    world.ask(World::root, "PUT", "/api/v1/projects/lab/secrets/s" + std::to_string(i),
              R"({"apiVersion":"bridle/v1","kind":"Secret","metadata":{}})");
  const Reply page = world.ask(World::root, "GET", "/api/v1/ledger?after=1&limit=1");
  EXPECT_EQ(page.body.at("entries").as_array().size(), 1u);
  EXPECT_EQ(text(page.body, "last"), "2");
  EXPECT_EQ(text(page.body, "more"), "true");
  EXPECT_EQ(text(world.ask(World::root, "GET", "/api/v1/ledger/key").body, "algorithm"), "Ed25519");
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/ledger?limit=0").status, 400);
}

TEST(OpenApi, SaysWhatTheTableSays) {
  World world;
  const Reply reply = world.ask(World::root, "GET", "/openapi.json");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(text(reply.body, "openapi"), "3.1.0");
  std::set<std::string> in_table, in_document, ids;
  for (const Route& route : world.api.router().routes()) {
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(), ::tolower);
    in_table.insert(method + " " + route.pattern);
    EXPECT_TRUE(ids.insert(route.id).second) << route.id << " twice";
    EXPECT_FALSE(route.summary.empty()) << route.pattern;
  }
  for (const auto& [path, methods] : reply.body.at("paths").as_object())
    for (const auto& [method, operation] : methods.as_object())
      in_document.insert(std::string(method) + " " + std::string(path));
  EXPECT_EQ(in_table, in_document);
  // Every reference leads somewhere.
  const json::object& schemas = reply.body.at("components").at("schemas").as_object();
  const std::string& whole = reply.response.body;
  const std::string mark = "\"$ref\":\"#/components/schemas/";
  size_t references = 0;
  for (size_t from = whole.find(mark); from != std::string::npos; from = whole.find(mark, from)) {
    from += mark.size();
    EXPECT_TRUE(schemas.contains(whole.substr(from, whole.find('"', from) - from)))
        << whole.substr(from, 40);
    ++references;
  }
  EXPECT_GT(references, 50u);
}

TEST(OpenApi, IsValid) {
  World world;
  char path[] = "/tmp/bt-openapi-XXXXXX";
  const Fd fd(::mkstemp(path));
  ASSERT_TRUE(fd);
  const std::string document = world.ask(World::root, "GET", "/openapi.json").response.body;
  ASSERT_EQ(::write(fd.get(), document.data(), document.size()),
            static_cast<ssize_t>(document.size()));
  const std::string check = std::string(BRIDLE_SOURCE_DIR) + "/tests/openapi_check.py " + path;
  const int status = std::system(("python3 " + check).c_str());
  ::unlink(path);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "python3-jsonschema is not installed";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Routes, UnknownOnesAreTold) {
  World world;
  EXPECT_EQ(world.ask(World::root, "GET", "/").status, 400);
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v2/machines").status, 404);
  const Reply wrong = world.ask(World::root, "DELETE", "/healthz");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.response.headers.back(), (std::pair<std::string, std::string>{"Allow", "GET"}));
  EXPECT_EQ(world.ask(World::root, "GET", "/healthz?a=%zz").status, 400);
}

}  // namespace
}  // namespace bridle::api
