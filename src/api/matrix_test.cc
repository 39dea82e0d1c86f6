// Role x route x object: every cell of the tables in docs/authorization.md, asked of the API by
// each kind of caller: users of the host, tokens, client certificates. A route that the tables do
// not know fails here, and so does a row of a route that is gone.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <set>

#include "api/testing.h"
#include "base/hash.h"
#include "model/schema.h"
#include "model/yaml.h"
#include "wire/socket.h"

namespace bridle::api {
namespace {

using testing::Reply;
using testing::World;

constexpr std::string_view own = "lab", other = "vault", nowhere = "ghost";
// In names of objects that only callers with a right in every project may ever read.
constexpr std::string_view marker = "plutonium";

using Cells = std::vector<std::string>;

struct Tables {
  std::map<std::string, std::string> classes;  // "GET /healthz" -> "open"
  Cells callers;
  // class -> object -> a verdict for each caller
  std::map<std::string, std::map<std::string, Cells>> verdicts;
};

Cells cells_of(const std::string& line) {
  Cells out;
  for (size_t at = 1; at < line.size();) {
    const size_t end = std::min(line.find('|', at), line.size());
    std::string cell = line.substr(at, end - at);
    std::erase_if(cell, [](char c) { return c == '\\'; });
    cell.erase(0, cell.find_first_not_of(' '));
    cell.erase(cell.find_last_not_of(' ') + 1);
    if (end < line.size()) out.push_back(cell);
    at = end + 1;
  }
  return out;
}

// The rows of the table that follows the comment, the heading first.
std::vector<Cells> table_of(const std::string& title) {
  std::ifstream file(BRIDLE_SOURCE_DIR "/docs/authorization.md");
  std::vector<Cells> rows;
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("<!-- matrix: ")) here = line == "<!-- matrix: " + title + " -->";
    if (here && line.starts_with("| ")) rows.push_back(cells_of(line));
  }
  return rows;
}

Tables read_tables() {
  Tables out;
  const auto routes = table_of("routes"), verdicts = table_of("verdicts");
  for (size_t i = 1; i < routes.size(); ++i)
    out.classes[routes[i].at(0) + " " + routes[i].at(1)] = routes[i].at(2);
  out.callers.assign(verdicts.at(0).begin() + 2, verdicts.at(0).end());
  for (size_t i = 1; i < verdicts.size(); ++i)
    out.verdicts[verdicts[i].at(0)][verdicts[i].at(1)] =
        Cells(verdicts[i].begin() + 2, verdicts[i].end());
  return out;
}

// How the callers come.
constexpr std::array ways = {Source::local, Source::token, Source::certificate};

// A stranger is one of the names after the last.
const std::vector<std::string> holders = {"tenant",  "auditor",  "operator",  "owner", "admin",
                                          "tenant*", "auditor*", "operator*", "admin*"};

std::string credential_of(const std::string& caller) {
  return caller.ends_with("*") ? caller.substr(0, caller.size() - 1) + "-all" : caller;
}

Caller caller_of(const std::string& name, Source way = Source::local) {
  const auto at = std::find(holders.begin(), holders.end(), name);
  if (way == Source::local) return {static_cast<uid_t>(1000 + (at - holders.begin())), 1};
  Caller out{.source = at == holders.end() ? Source::stranger : way, .peer = "192.0.2.1"};
  if (at == holders.end()) return out;
  out.credential = credential_of(name);
  out.proof = hex(sha256(out.credential));
  return out;
}

bool sees_everything(const std::string& caller) { return caller.ends_with("*"); }

std::string project_of(const std::string& object) {
  if (object == "own" || object == "absent") return std::string(own);
  if (object == "shared") return "shared";
  return std::string(object == "other" ? other : nowhere);
}

json::object example_of(model::Kind kind, std::string_view project, std::string_view name) {
  auto documents = model::parse_documents(model::schema(kind).example, "example");
  json::object object = documents->front().value.as_object();
  json::object& metadata = object["metadata"].as_object();
  metadata["name"] = name;
  if (model::info(kind).has_project) metadata["project"] = project;
  return object;
}

void have_example(World& world, model::Kind kind, std::string_view project, std::string_view name) {
  const auto object = model::from_json(example_of(kind, project, name));
  std::string status;
  if (kind == model::Kind::machine) status = R"({"phase":"running"})";
  if (kind == model::Kind::operation) status = R"({"phase":"running"})";
  world.have(kind, model::info(kind).has_project ? project : "", name,
             json::serialize(object->spec), status);
}

void have_credential(World& world, const Caller& caller, Role role, std::string_view project) {
  Credential credential;
  credential.name = caller.credential;
  credential.source = caller.source;
  credential.grant.role = role;
  credential.grant.everywhere = project == "*";
  if (project != "*") credential.grant.projects = {std::string(project)};
  credential.proof = caller.proof;
  credential.created = credential.expires = world.backend.wall_time;
  credential.expires.ns += 1'000'000'000;
  credential.issuer = "uid:0";
  world.commit(credential_key(credential.name), encode(credential));
}

void have_callers(World& world, Source way = Source::local) {
  for (const Role role : all_roles) {
    const std::string here(name(role)), everywhere = here + "*";
    if (way == Source::local) {
      world.have_role(here, here, caller_of(here).uid, R"(["lab"])");
      world.have_role(here + "-all", here, caller_of(everywhere).uid, R"(["*"])");
    } else {
      have_credential(world, caller_of(here, way), role, own);
      have_credential(world, caller_of(everywhere, way), role, "*");
    }
  }
  std::string owner = R"({"uid":)" + std::to_string(caller_of("owner").uid) + "}";
  if (way != Source::local) {
    have_credential(world, caller_of("owner", way), Role::tenant, "elsewhere");
    owner = R"({")" + std::string(name(way)) + R"(":"owner"})";
  }
  world.have(model::Kind::project, {}, own, R"({"quota":{},"owners":[)" + owner + "]}");
}

const std::string proof_of_none(64, '0');

// What the route is asked about. Its name is that of the project where projects are asked about.
std::string name_of(const Route& route, const std::string& object) {
  if (route.kind == model::Kind::project) return project_of(object);
  return "thing";
}

void have_objects(World& world, const Route& route, const std::string& object) {
  if (route.kind == model::Kind::project) {
    world.have(model::Kind::project, {}, other, R"({"quota":{},"owners":[]})");
    world.have(model::Kind::project, {}, "shared", R"({"quota":{},"owners":[]})");
    return;
  }
  for (const model::KindInfo& kind : model::all_kinds())
    if (kind.has_project) have_example(world, kind.kind, other, marker);
  model::Usage usage;
  world.backend.usage_report.machines = {{std::string(other), std::string(marker), {}, usage}};
  if (route.id == "revokeCredential" && object != "absent")
    have_credential(world, {.source = Source::token, .credential = "thing", .proof = proof_of_none},
                    Role::tenant, other);
  if (route.id == "getCertificate" || route.id == "signCertificate") {
    ASSERT_TRUE(world.backend.authority().ensure({}, world.backend.wall()).ok());
  }
  if (!route.kind || object == "absent" || object == "nowhere") return;
  have_example(world, *route.kind, project_of(object), "thing");
}

std::string target_of(const Route& route, const std::string& object) {
  std::string out = route.pattern;
  const auto put = [&](std::string_view variable, const std::string& value) {
    const size_t at = out.find(variable);
    if (at != std::string::npos) out.replace(at, variable.size(), value);
  };
  put("{project}", project_of(object));
  put("{name}", name_of(route, object));
  if (route.id == "canI") out += "?verb=start&kind=machine&project=vault";
  return out;
}

// A body with which the request succeeds, if its caller may ask for it.
std::string body_of(const Route& route, const std::string& object) {
  if (route.id == "createToken")
    return R"({"name":"new","role":"tenant","projects":["lab"],"expiresIn":60})";
  if (route.id == "signCertificate") {
    static const std::string request = *make_request(*make_key(), "new");
    return json::serialize(json::object{
        {"name", "new"}, {"role", "tenant"}, {"projects", {"lab"}}, {"request", request}});
  }
  if (route.id == "callAgent") return R"({"do":"ping"})";
  if (route.method != "PUT") return {};
  json::object body = example_of(*route.kind, project_of(object), name_of(route, object));
  body["metadata"].as_object()["labels"] = {{"new", "yes"}};
  return json::serialize(body);
}

Fields headers_of(const Route& route) {
  Fields out = {{"x-bridle-reason", "the matrix"}};
  const std::set<std::string_view> upgraded = {"openConsole", "uploadImage", "exportVolume",
                                               "openDisplay"};
  if (upgraded.contains(route.id)) {
    out.emplace_back("connection", "upgrade");
    out.emplace_back("upgrade", "bridle-stream");
  }
  return out;
}

struct Got {
  std::string verdict;
  std::string text;  // all that was answered
  size_t reads = 0;  // of the store, for this request
};

Got ask(const Route& route, const std::string& name, Source way, const std::string& object) {
  World world;
  const Caller caller = caller_of(name, way);
  have_callers(world, way);
  have_objects(world, route, object);
  auto pair = wire::socket_pair(SOCK_STREAM);
  (route.id == "uploadImage" ? world.backend.upload : world.backend.console) =
      std::move(pair->first);
  auto screen = wire::socket_pair(SOCK_STREAM);
  world.backend.display = std::move(screen->first);
  world.backend.picture = "a picture";
  world.backend.download = std::move(pair->second);
  // Roles and credentials are read once, by whoever comes first.
  world.ask(World::root, "GET", "/version");
  world.ask(caller, "GET", "/version");
  const size_t before = world.backend.reads();
  Answer answer = world.ask_raw(caller, route.method, target_of(route, object),
                                body_of(route, object), headers_of(route));
  Got got;
  got.reads = world.backend.reads() - before;
  int status = 200;
  if (std::holds_alternative<Tunnel>(answer)) status = 101;
  if (auto* stream = std::get_if<EventStream>(&answer)) got.text = stream->source->pull(1 << 20);
  if (const auto* response = std::get_if<Response>(&answer)) {
    status = response->status;
    got.text = response->body;
    for (const auto& [key, value] : response->headers) got.text.append(key + ": " + value + "\n");
  }
  got.verdict = status / 100 == 2 || status == 101 ? "yes" : std::to_string(status);
  return got;
}

TEST(Matrix, KnowsEveryRouteAndNoOther) {
  const Tables tables = read_tables();
  std::set<std::string> known;
  for (const auto& [route, kind] : tables.classes) {
    known.insert(route);
    EXPECT_TRUE(tables.verdicts.contains(kind)) << route << " is of class " << kind;
  }
  for (const Route& route : all_routes()) {
    const std::string what = std::string(route.method) + " " + route.pattern;
    EXPECT_EQ(known.erase(what), 1u)
        << what
        << " is not in docs/authorization.md: add it to the table of routes, with the class "
        << "of the callers who may";
  }
  for (const std::string& gone : known) ADD_FAILURE() << gone << " is no route any more";
}

// Of all objects and callers of the table, for one route and one way to come.
size_t check_cells(const Route& route, Source way, const Tables& tables, const std::string& kind) {
  size_t cells = 0;
  for (const auto& [object, verdicts] : tables.verdicts.at(kind))
    for (size_t i = 0; i < tables.callers.size(); ++i, ++cells) {
      const std::string& caller = tables.callers[i];
      const std::string what = std::string(route.method) + " " + route.pattern + " of " + object +
                               " by " + std::string(name(way)) + " " + caller;
      const Got got = ask(route, caller, way, object);
      // Over the network nothing is open.
      const bool outside = way != Source::local && caller == "stranger";
      EXPECT_EQ(got.verdict, outside ? "401" : verdicts.at(i)) << what << ": " << got.text;
      if (sees_everything(caller)) continue;
      EXPECT_EQ(got.text.find(marker), std::string::npos) << what << ": " << got.text;
      if (object != "other" && route.id != "canI") {
        EXPECT_EQ(got.text.find(other), std::string::npos) << what << ": " << got.text;
      }
    }
  return cells;
}

TEST(Matrix, EveryCellIsAsTheTableSays) {
  const Tables tables = read_tables();
  ASSERT_EQ(tables.callers.size(), 10u);
  size_t cells = 0;
  for (const Route& route : all_routes()) {
    const auto kind = tables.classes.find(std::string(route.method) + " " + route.pattern);
    if (kind == tables.classes.end()) continue;  // the test above says so
    for (const Source way : ways) cells += check_cells(route, way, tables, kind->second);
  }
  RecordProperty("cells", static_cast<int>(cells));
  EXPECT_GT(cells, 6000u);
}

bool names_a_project(const Route& route) {
  if (route.pattern.find("{project}") != std::string::npos) return true;
  return route.kind == model::Kind::project && route.scope == Scope::filtered &&
         route.pattern.find("{name}") != std::string::npos;
}

// The bytes of the answer, and the number of reads of the store, are those of a project that does
// not exist.
TEST(Matrix, WhatIsHiddenIsAsWhatIsNotThere) {
  const Tables tables = read_tables();
  size_t compared = 0;
  for (const Route& route : all_routes()) {
    if (!names_a_project(route)) continue;
    for (const Source way : ways)
      for (const std::string& caller : tables.callers) {
        if (sees_everything(caller)) continue;
        const Got hidden = ask(route, caller, way, "other");
        Got absent = ask(route, caller, way, "nowhere");
        for (size_t at; (at = absent.text.find(nowhere)) != std::string::npos;)
          absent.text.replace(at, nowhere.size(), other);
        EXPECT_EQ(hidden.text, absent.text) << route.pattern << " by " << caller;
        EXPECT_EQ(hidden.reads, absent.reads) << route.pattern << " by " << caller;
        ++compared;
      }
  }
  EXPECT_GT(compared, 300u);
}

// A list costs a tenant the same reads, however much there is of others.
TEST(Matrix, ListsDoNotWorkForOthers) {
  const auto reads = [](size_t others) {
    World world;
    have_callers(world);
    for (size_t i = 0; i < others; ++i)
      have_example(world, model::Kind::machine, other, "m" + std::to_string(i));
    have_example(world, model::Kind::machine, own, "thing");
    world.ask(World::root, "GET", "/version");
    const size_t before = world.backend.reads();
    const Reply page = world.ask(caller_of("tenant"), "GET", "/api/v1/machines?limit=1");
    EXPECT_EQ(page.body.at("items").as_array().size(), 1u);
    EXPECT_EQ(page.body.at("continue"), json::value(""));
    return world.backend.reads() - before;
  };
  EXPECT_EQ(reads(0), reads(300));
}

}  // namespace
}  // namespace bridle::api
