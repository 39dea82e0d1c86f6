#include <gtest/gtest.h>

#include "api/testing.h"

namespace bridle::api {
namespace {

using testing::at;
using testing::Reply;
using testing::text;
using testing::World;

constexpr auto web = "/api/v1/projects/lab/machines/web";

std::string machine(std::string_view spec, std::string_view metadata = R"("owner":"ann")") {
  return R"({"apiVersion":"bridle/v1","kind":"Machine","metadata":{)" + std::string(metadata) +
         R"(},"spec":)" + std::string(spec) + "}";
}

const std::string small = machine(R"({"image":"tiny"})");

TEST(Apply, CreatesWithDefaultsAndIdentity) {
  World world;
  const Reply created = world.ask(World::root, "PUT", web, small);
  ASSERT_EQ(created.status, 201) << created.response.body;
  EXPECT_EQ(text(created.body, "metadata.project"), "lab");
  EXPECT_EQ(text(created.body, "metadata.generation"), "1");
  EXPECT_EQ(text(created.body, "metadata.created"), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(text(created.body, "spec.power"), "stopped");
  EXPECT_EQ(text(created.body, "metadata.resourceVersion"), "1");
  ASSERT_EQ(world.backend.acts.size(), 1u);
  EXPECT_EQ(world.backend.acts[0].actor, "uid:0 (role admin)");
  EXPECT_EQ(world.backend.acts[0].verb, "create");
  EXPECT_EQ(world.backend.acts[0].object, "machine/lab/web");
  EXPECT_FALSE(world.backend.acts[0].uid.is_nil());
  EXPECT_EQ(world.ask(World::root, "GET", web).body, created.body);
}

TEST(Apply, ChangesAndRoundTrips) {
  World world;
  world.ask(World::root, "PUT", web, small);
  Reply got = world.ask(World::root, "GET", web);
  const Reply same = world.ask(World::root, "PUT", web, json::serialize(got.body));
  EXPECT_EQ(same.status, 200);
  EXPECT_EQ(world.backend.acts.size(), 1u);  // nothing changed, nothing written
  got.body.at("spec").as_object()["cpus"] = 2;
  const Reply changed = world.ask(World::root, "PUT", web, json::serialize(got.body));
  ASSERT_EQ(changed.status, 200) << changed.response.body;
  EXPECT_EQ(text(changed.body, "metadata.generation"), "2");
  EXPECT_EQ(at(changed.body, "metadata.uid"), at(got.body, "metadata.uid"));
  EXPECT_EQ(world.backend.acts.back().verb, "update");
  // The revision that was read is old now.
  got.body.at("spec").as_object()["cpus"] = 3;
  const Reply stale = world.ask(World::root, "PUT", web, json::serialize(got.body));
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(text(stale.body, "error.code"), "conflict");
  EXPECT_EQ(text(stale.body, "error.path"), "metadata.resourceVersion");
}

TEST(Apply, StatusDoesNotMakeARevisionStale) {
  World world;
  world.ask(World::root, "PUT", web, small);
  Reply got = world.ask(World::root, "GET", web);
  world.commit(model::status_key(model::Kind::machine, "lab", "web"), R"({"phase":"running"})");
  got.body.at("spec").as_object()["cpus"] = 2;
  const Reply changed = world.ask(World::root, "PUT", web, json::serialize(got.body));
  ASSERT_EQ(changed.status, 200);
  EXPECT_EQ(text(changed.body, "status.phase"), "running");  // what the body said does not count
}

TEST(Apply, RacesEndAsConflict) {
  World world;
  world.ask(World::root, "PUT", web, small);
  const std::string key = model::spec_key(model::Kind::machine, "lab", "web");
  const std::string stored = (*world.backend.store().get(key))->value;
  world.backend.before_commit = [&] { world.commit(key, stored); };
  EXPECT_EQ(world.ask(World::root, "PUT", web, machine(R"({"image":"tiny","cpus":2})")).status,
            409);
}

TEST(Apply, DryRunChangesNothing) {
  World world;
  const Reply dry = world.ask(World::root, "PUT", std::string(web) + "?dryRun=true", small);
  EXPECT_EQ(dry.status, 201);
  EXPECT_EQ(text(dry.body, "spec.power"), "stopped");
  EXPECT_EQ(world.ask(World::root, "GET", web).status, 404);
  EXPECT_TRUE(world.backend.acts.empty());
  EXPECT_EQ(world.ask(World::root, "PUT", std::string(web) + "?dryRun=maybe", small).status, 400);
}

struct Bad {
  std::string body;
  int status;
  std::string path;
};

TEST(Apply, RefusesWhatIsWrong) {
  World world;
  world.backend.admission_error.reset();
  const std::vector<Bad> cases = {
      {"", 400, ""},
      {"{", 400, ""},
      {"[]", 400, ""},
      {std::string(100, '['), 400, ""},
      {R"({"apiVersion":"bridle/v1","kind":"Image","metadata":{},"spec":{"recipe":"tiny"}})", 400,
       "kind"},
      {machine(R"({"image":"tiny"})", R"("name":"other","owner":"ann")"), 400, "metadata.name"},
      {machine(R"({"image":"tiny"})", R"("project":"web","owner":"ann")"), 400, "metadata.project"},
      {machine(R"({"image":"tiny"})", ""), 400, "metadata.owner"},
      {machine(R"({"image":"tiny","memroy":"1GiB"})"), 400, "spec.memroy"},
      {machine(R"({"image":"tiny"})", R"("owner":"ann","resourceVersion":7)"), 409,
       "metadata.resourceVersion"},
  };
  for (const Bad& bad : cases) {
    const Reply reply = world.ask(World::root, "PUT", web, bad.body);
    EXPECT_EQ(reply.status, bad.status) << bad.body;
    EXPECT_EQ(text(reply.body, "error.path"), bad.path.empty() ? "null" : bad.path) << bad.body;
    EXPECT_EQ(text(reply.body, "error.requestId"), "r-1");
  }
  EXPECT_EQ(world.ask(World::root, "PUT", web, small, {{"content-type", "text/plain"}}).status,
            400);
  EXPECT_EQ(world.ask(World::root, "PUT", "/api/v1/projects/lab/machines/Web", small).status, 400);
  world.backend.admission_error = Error(Code::refused, "spec.resources: 3 cores are missing");
  EXPECT_EQ(world.ask(World::root, "PUT", web, small).status, 422);
  EXPECT_TRUE(world.backend.acts.empty());
}

TEST(Apply, KeepsWhatNeverChanges) {
  World world;
  const std::string volume = "/api/v1/projects/lab/volumes/disk";
  const auto body = [](const char* format) {
    return R"({"apiVersion":"bridle/v1","kind":"Volume","metadata":{},"spec":{"size":"1GiB",)"
           R"("format":")" +
           std::string(format) + "\"}}";
  };
  ASSERT_EQ(world.ask(World::root, "PUT", volume, body("qcow2")).status, 201);
  const Reply changed = world.ask(World::root, "PUT", volume, body("raw"));
  EXPECT_EQ(changed.status, 400);
  EXPECT_EQ(text(changed.body, "error.path"), "spec.format");
  const Reply other =
      world.ask(World::root, "PUT", web,
                machine(R"({"image":"tiny"})",
                        R"("owner":"ann","uid":"00000000-0000-0000-0000-000000000001")"));
  EXPECT_EQ(other.status, 201);  // a new object has a new identity
  EXPECT_NE(text(other.body, "metadata.uid"), "00000000-0000-0000-0000-000000000001");
  EXPECT_EQ(world
                .ask(World::root, "PUT", web,
                     machine(R"({"image":"tiny"})",
                             R"("owner":"ann","uid":"00000000-0000-0000-0000-000000000001")"))
                .status,
            409);
}

TEST(Apply, RawNeedsItsRight) {
  World world;
  world.have_role("lab", "operator", 1000, R"(["lab"])");
  world.have_role("raw", "tenant", 1001, R"(["lab"])", true);
  const Caller operator_lab{1000, 1, {}}, raw{1001, 1, {}};
  const std::string body = machine(R"({"image":"tiny","raw":{"qemuArguments":["-no-shutdown"]}})");
  const Reply refused = world.ask(operator_lab, "PUT", web, body);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(text(refused.body, "error.path"), "spec.raw");
  ASSERT_EQ(world.ask(raw, "PUT", web, body).status, 201);
  // Who may not set it may still change the rest, and it survives.
  Reply got = world.ask(operator_lab, "GET", web);
  got.body.at("spec").as_object()["cpus"] = 2;
  const Reply changed = world.ask(operator_lab, "PUT", web, json::serialize(got.body));
  ASSERT_EQ(changed.status, 200) << changed.response.body;
  EXPECT_EQ(at(changed.body, "spec.raw"), at(got.body, "spec.raw"));
}

TEST(Secrets, NeverShow) {
  World world;
  const std::string secret = "/api/v1/projects/lab/secrets/login";
  const std::string body =
      R"({"apiVersion":"bridle/v1","kind":"Secret","metadata":{},"spec":{"data":{"password":"hunter2"}}})";
  const Reply created = world.ask(World::root, "PUT", secret, body);
  ASSERT_EQ(created.status, 201) << created.response.body;
  const Reply got = world.ask(World::root, "GET", secret);
  const Reply dry = world.ask(World::root, "PUT", secret + "?dryRun=true", body);
  const Reply list = world.ask(World::root, "GET", "/api/v1/secrets");
  for (const Reply* reply : {&created, &got, &dry, &list})
    EXPECT_EQ(reply->response.body.find("hunter2"), std::string::npos);
  // What get printed can be applied again, with another label, without losing it.
  Reply again = got;
  again.body.at("metadata").as_object()["labels"] = json::object{{"a", "b"}};
  ASSERT_EQ(world.ask(World::root, "PUT", secret, json::serialize(again.body)).status, 200);
  const auto entry =
      world.backend.store().get(model::spec_key(model::Kind::secret, "lab", "login"));
  EXPECT_NE((*entry)->value.find("hunter2"), std::string::npos);
  EXPECT_EQ(world.ask(World::root, "DELETE", secret).response.body.find("hunter2"),
            std::string::npos);
}

TEST(List, PagesThroughEverything) {
  World world;
  for (int i = 0; i < 150; ++i)
    world.have(model::Kind::machine, i % 3 == 0 ? "web" : "lab", "m" + std::to_string(i), "{}");
  std::set<std::string> seen;
  std::string more;
  int pages = 0;
  do {
    const Reply page = world.ask(World::root, "GET", "/api/v1/machines?limit=40&continue=" + more);
    ASSERT_EQ(page.status, 200) << page.response.body;
    EXPECT_EQ(text(page.body, "kind"), "MachineList");
    EXPECT_EQ(text(page.body, "resourceVersion"), "150");
    for (const auto& item : page.body.at("items").as_array())
      EXPECT_TRUE(seen.insert(text(item, "metadata.project") + text(item, "metadata.name")).second);
    more = text(page.body, "continue");
    ++pages;
  } while (!more.empty());
  EXPECT_EQ(seen.size(), 150u);
  EXPECT_EQ(pages, 4);
  const auto count = [&](const char* target) {
    return world.ask(World::root, "GET", target).body.at("items").as_array().size();
  };
  EXPECT_EQ(count("/api/v1/projects/web/machines"), 50u);
  EXPECT_EQ(count("/api/v1/machines?project=web"), 50u);
  EXPECT_EQ(count("/api/v1/machines?project=none"), 0u);
  for (const char* bad : {"limit=-1", "limit=1001", "limit=x", "continue=nonsense", "project=Web",
                          "selector==a", "continue=a.b/c"})
    EXPECT_EQ(world.ask(World::root, "GET", std::string("/api/v1/machines?") + bad).status, 400)
        << bad;
}

// The chunks' bytes; `whole` only if the last chunk came.
std::string unchunked(std::string_view bytes, bool& whole) {
  std::string out;
  while (!bytes.empty()) {
    const size_t end = bytes.find("\r\n");
    const size_t size = std::stoul(std::string(bytes.substr(0, end)), nullptr, 16);
    out += bytes.substr(end + 2, size);
    bytes.remove_prefix(end + 2 + size + 2);
    whole = size == 0;
  }
  return out;
}

TEST(List, IsWholeWithoutALimit) {
  World world;
  const std::string wide = R"({"raw":{"args":[")" + std::string(400, 'x') + R"("]}})";
  for (int i = 0; i < 1500; ++i)
    world.have(model::Kind::machine, i % 2 == 0 ? "lab" : "web", "m" + std::to_string(i), wide);
  world.have_role("lab", "tenant", 1000, R"(["lab"])");
  for (const auto& [caller, count] : {std::pair{World::root, 1500u}, {Caller{1000, 1}, 750u}}) {
    Answer answer = world.ask_raw(caller, "GET", "/api/v1/machines?limit=0");
    auto* stream = std::get_if<EventStream>(&answer);
    ASSERT_NE(stream, nullptr);
    std::string all;
    size_t pieces = 0;
    for (; !stream->source->ended(); ++pieces) {
      const std::string piece = stream->source->pull(1);
      EXPECT_LT(piece.size(), 80u << 10);
      all += piece;
    }
    EXPECT_GT(pieces, 5u);
    bool whole = false;
    const json::value list = json::parse(unchunked(all, whole));
    EXPECT_TRUE(whole);
    EXPECT_EQ(list.at("items").as_array().size(), count);
    EXPECT_EQ(text(list, "continue"), "");
  }
}

TEST(List, Selects) {
  World world;
  for (const char* tier : {"web", "db"}) {
    const std::string target = std::string("/api/v1/projects/lab/machines/") + tier;
    world.ask(World::root, "PUT", target,
              machine(R"({"image":"tiny"})",
                      R"("owner":"ann","labels":{"tier":")" + std::string(tier) + R"("})"));
  }
  world.ask(World::root, "PUT", "/api/v1/projects/lab/machines/bare", small);
  const auto names = [&](std::string_view selector) {
    std::string out;
    const Reply page =
        world.ask(World::root, "GET", "/api/v1/machines?selector=" + percent_encode(selector));
    for (const auto& item : page.body.at("items").as_array())
      out += text(item, "metadata.name") + " ";
    return out;
  };
  EXPECT_EQ(names("tier=web"), "web ");
  EXPECT_EQ(names("tier!=web"), "bare db ");
  EXPECT_EQ(names("tier"), "db web ");
  EXPECT_EQ(names("tier,tier!=db"), "web ");
  EXPECT_EQ(names(""), "bare db web ");
}

TEST(List, ShowsTenantsTheirOwn) {
  World world;
  world.have_role("lab", "tenant", 1000, R"(["lab"])");
  const Caller tenant{1000, 1, {}};
  for (const char* project : {"lab", "web", "shared"}) {
    world.have(model::Kind::machine, project, "m", "{}");
    world.have(model::Kind::image, project, "i", "{}");
  }
  world.have(model::Kind::host, {}, "alpha", "{}");
  const auto count = [&](const char* target) {
    return world.ask(tenant, "GET", target).body.at("items").as_array().size();
  };
  EXPECT_EQ(count("/api/v1/machines"), 1u);
  EXPECT_EQ(count("/api/v1/images"), 2u);  // its own and the shared one
  EXPECT_EQ(count("/api/v1/hosts"), 0u);
  EXPECT_EQ(world.ask(tenant, "GET", "/api/v1/projects/shared/images/i").status, 200);
  EXPECT_EQ(world.ask(tenant, "GET", "/api/v1/projects/shared/machines/m").status, 403);
  EXPECT_EQ(world.ask(tenant, "DELETE", "/api/v1/projects/shared/images/i").status, 403);
  // What he cannot see answers as what is not there.
  const Reply unseen = world.ask(tenant, "GET", "/api/v1/projects/web/machines/m");
  const Reply absent = world.ask(tenant, "GET", "/api/v1/projects/none/machines/m");
  EXPECT_EQ(unseen.status, 404);
  EXPECT_EQ(absent.status, 404);
  EXPECT_EQ(world.ask(tenant, "GET", "/api/v1/hosts/alpha").status, 404);

  world.backend.usage_report.machines = {{"lab", "m", {}, {}}, {"web", "m", {}, {}}};
  const Reply usage = world.ask(tenant, "GET", "/api/v1/usage");
  EXPECT_EQ(usage.body.at("machines").as_array().size(), 1u);
  EXPECT_FALSE(usage.body.as_object().contains("processes"));
  EXPECT_TRUE(
      world.ask(World::root, "GET", "/api/v1/usage").body.as_object().contains("processes"));
}

TEST(Delete, HasTwoPhases) {
  World world;
  world.ask(World::root, "PUT", web, small);
  const Reply dry = world.ask(World::root, "DELETE", std::string(web) + "?dryRun=true");
  EXPECT_EQ(dry.status, 202);
  EXPECT_EQ(text(world.ask(World::root, "GET", web).body, "metadata.deleting"), "null");
  EXPECT_EQ(world.ask(World::root, "DELETE", std::string(web) + "?resourceVersion=0").status, 202);
  EXPECT_NE(text(world.ask(World::root, "GET", web).body, "metadata.deleting"), "null");
  const size_t acts = world.backend.acts.size();
  EXPECT_EQ(world.ask(World::root, "DELETE", web).status, 202);  // asked for already
  EXPECT_EQ(world.backend.acts.size(), acts);
  EXPECT_EQ(world.ask(World::root, "PUT", web, small).status, 409);
  EXPECT_EQ(world.ask(World::root, "POST", std::string(web) + "/actions/start").status, 409);
}

TEST(Delete, RemovesTheRestAtOnce) {
  World world;
  world.have(model::Kind::secret, "lab", "login", R"({"data":{}})", "{}");
  EXPECT_EQ(world.ask(World::root, "DELETE", "/api/v1/projects/lab/secrets/login").status, 200);
  EXPECT_TRUE(world.backend.store().list("/")->entries.empty());
  EXPECT_EQ(world.ask(World::root, "DELETE", "/api/v1/projects/lab/secrets/login").status, 404);
}

TEST(Delete, KeepsWhatIsUsed) {
  World world;
  world.have(model::Kind::volume, "lab", "disk", R"({"image":"tiny"})");
  world.have(model::Kind::image, "lab", "tiny", "{}");
  world.have(model::Kind::machine, "lab", "web", R"({"disks":[{"name":"d","volume":"disk"}]})");
  const std::string volume = "/api/v1/projects/lab/volumes/disk";
  const Reply used = world.ask(World::root, "DELETE", volume);
  EXPECT_EQ(used.status, 409);
  EXPECT_NE(text(used.body, "error.message").find("machine/lab/web"), std::string::npos);
  EXPECT_EQ(world.ask(World::root, "DELETE", "/api/v1/projects/lab/images/tiny").status, 409);
  world.have(model::Kind::secret, "lab", "login", R"({"data":{}})", "{}");
  world.have(model::Kind::machine, "lab", "db",
             R"({"seed":{"users":[{"name":"a","passwordSecret":"login/pw"}]}})");
  const std::string secret = "/api/v1/projects/lab/secrets/login";
  EXPECT_EQ(world.ask(World::root, "DELETE", secret + "?dryRun=true").status, 409);
  EXPECT_EQ(world.ask(World::root, "DELETE", secret).status, 409);
  world.ask(World::root, "DELETE", web);  // on its way out, it holds nothing
  EXPECT_EQ(world.ask(World::root, "DELETE", volume).status, 202);
}

TEST(Store, FailuresAreTold) {
  World world;
  world.backend.mutation_error = Error(Code::exhausted, "the disk is full");
  EXPECT_EQ(world.ask(World::root, "PUT", web, small).status, 429);
  world.commit(model::spec_key(model::Kind::machine, "lab", "web"), "not json");
  const Reply broken = world.ask(World::root, "GET", web);
  EXPECT_EQ(broken.status, 500);
  EXPECT_EQ(text(broken.body, "error.code"), "corrupt");
}

}  // namespace
}  // namespace bridle::api
