// Tokens and client certificates without a network: records, routes, who they let in.
#include "api/credential.h"

#include <gtest/gtest.h>

#include "api/testing.h"

namespace bridle::api {
namespace {

using testing::Reply;
using testing::text;
using testing::World;

constexpr int64_t minute = 60'000'000'000;
const Caller network{.source = Source::stranger, .peer = "192.0.2.1"};

Request with_token(const std::string& token) {
  Request request;
  request.headers = {{"authorization", "Bearer " + token}};
  return request;
}

// Asks as the server does: who it is, then what it wants.
int status_of(World& world, const std::string& token, std::string_view target,
              std::string_view method = "GET") {
  const Caller caller = world.api.identify(network, with_token(token));
  return world.ask(caller, method, target).status;
}

std::string new_token(World& world, std::string_view body) {
  const Reply made = world.ask(World::root, "POST", "/api/v1/auth/tokens", std::string(body));
  EXPECT_EQ(made.status, 201) << made.response.body;
  return text(made.body, "token");
}

TEST(Bearer, IsReadStrictly) {
  SeededRandom random(7);
  const std::string token = make_token("ci-1", random);
  EXPECT_EQ(token.size(), 7 + 4 + 1 + 64u);
  const auto read = read_bearer("Bearer " + token);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name, "ci-1");
  EXPECT_EQ(read->proof, hex(sha256(token.substr(12))));
  EXPECT_NE(make_token("ci-1", random), token);
  for (const std::string& bad :
       {std::string(), token, "bearer " + token, "Bearer  " + token, "Bearer " + token + "0",
        "Bearer " + token.substr(1), "Bearer bridle.CI." + token.substr(12),
        "Bearer bridle.." + token.substr(12), "Bearer bridle." + token.substr(12),
        "Bearer " + std::string(600, 'a'), "Basic " + token})
    EXPECT_FALSE(read_bearer(bad)) << bad;
}

TEST(Credential, IsReadAsItWasWritten) {
  Credential made;
  made.name = "ci";
  made.source = Source::certificate;
  made.grant = {Role::operator_, true, {"lab", "web"}, true};
  made.proof = std::string(64, 'a');
  made.created = {1'700'000'000'000'000'000};
  made.expires = {made.created.ns + minute};
  made.issuer = "uid:0";
  const auto read = decode_credential(encode(made));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(encode(*read), encode(made));
  EXPECT_FALSE(shown(made, made.created).contains("proof"));
  EXPECT_EQ(shown(made, made.expires)["expired"], json::value(true));
  for (const char* bad : {"", "[]", "{}", "not json"})
    EXPECT_FALSE(decode_credential(bad).ok()) << bad;
}

TEST(Tokens, LetInForWhatTheyWereMadeFor) {
  World world;
  world.have(model::Kind::machine, "lab", "web", R"({"image":"tiny"})");
  const std::string token =
      new_token(world, R"({"name":"ci","role":"tenant","projects":["lab"],"expiresIn":120})");
  const std::string machine = "/api/v1/projects/lab/machines/web";
  EXPECT_EQ(status_of(world, token, machine), 200);
  EXPECT_EQ(status_of(world, token, "/api/v1/projects/web/machines/web"), 404);
  EXPECT_EQ(status_of(world, token, "/api/v1/ledger"), 403);
  EXPECT_EQ(status_of(world, token, "/api/v1/auth/tokens", "POST"), 403);
  // Nothing of it is shown again, nor in the ledger; the store has its hash only.
  const std::string secret = token.substr(token.rfind('.') + 1);
  const Reply list = world.ask(World::root, "GET", "/api/v1/auth/credentials");
  EXPECT_EQ(text(list.body.at("items").at(0), "name"), "ci");
  EXPECT_EQ(list.response.body.find(secret), std::string::npos);
  const auto kept = world.backend.store().get(credential_key("ci"));
  ASSERT_TRUE(kept.ok() && *kept);
  EXPECT_EQ((*kept)->value.find(secret), std::string::npos);
  EXPECT_NE((*kept)->value.find(hex(sha256(secret))), std::string::npos);
  for (const Act& act : world.backend.acts)
    EXPECT_EQ((act.actor + act.verb + act.object + act.reason).find(secret), std::string::npos);
}

TEST(Tokens, EndWhenTheyExpireOrAreRevoked) {
  World world;
  const std::string token =
      new_token(world, R"({"name":"ci","role":"auditor","projects":["*"],"expiresIn":60})");
  EXPECT_EQ(status_of(world, token, "/version"), 200);
  world.backend.wall_time.ns += minute;
  EXPECT_EQ(status_of(world, token, "/version"), 401);
  EXPECT_EQ(status_of(world, token, "/healthz"), 401);  // nothing is open over the network
  world.backend.wall_time.ns -= 1;
  EXPECT_EQ(status_of(world, token, "/version"), 200);
  const Reply revoked = world.ask(World::root, "DELETE", "/api/v1/auth/credentials/ci");
  EXPECT_EQ(revoked.status, 200);
  EXPECT_EQ(status_of(world, token, "/version"), 401);
  EXPECT_EQ(world.ask(World::root, "DELETE", "/api/v1/auth/credentials/ci").status, 404);
  // The name is free again; the old secret stays worthless.
  new_token(world, R"({"name":"ci","role":"auditor","projects":["*"]})");
  EXPECT_EQ(status_of(world, token, "/version"), 401);
}

TEST(Tokens, AreRefusedWhereTheyMakeNoSense) {
  World world;
  for (const char* bad :
       {"", "[]", R"({"role":"tenant","projects":["lab"]})", R"({"name":"a","projects":["lab"]})",
        R"({"name":"a","role":"tenant"})", R"({"name":"a","role":"god","projects":["lab"]})",
        R"({"name":"A","role":"tenant","projects":["lab"]})",
        R"({"name":"a","role":"tenant","projects":["la b"]})",
        R"({"name":"a","role":"tenant","projects":["lab"],"expiresIn":5})",
        R"({"name":"a","role":"tenant","projects":["lab"],"expiresIn":1e30})",
        R"({"name":"a","role":"tenant","projects":["lab"],"request":"x"})",
        R"({"name":"a","role":"tenant","projects":"lab"})"})
    EXPECT_EQ(world.ask(World::root, "POST", "/api/v1/auth/tokens", bad).status, 400) << bad;
  const char* good = R"({"name":"a","role":"tenant","projects":["lab"]})";
  EXPECT_EQ(world.ask(World::root, "POST", "/api/v1/auth/tokens", good).status, 201);
  EXPECT_EQ(world.ask(World::root, "POST", "/api/v1/auth/tokens", good).status, 409);
  world.commit(credential_key("bad"), "no record");
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/auth/credentials").status, 200);
}

TEST(Certificates, AreGoodOnlyWhileTheStoreHoldsThem) {
  World world;
  const std::string target = "/api/v1/auth/certificates";
  const std::string key = *make_key();
  json::object body{{"name", "ann"},
                    {"role", "tenant"},
                    {"projects", {"lab"}},
                    {"request", *make_request(key, "whatever")}};
  EXPECT_EQ(world.ask(World::root, "POST", target, json::serialize(body)).status, 409);
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/certificate").status, 404);
  ASSERT_EQ(world.ask(World::root, "POST", "/api/v1/certificate/actions/rotate").status, 200);
  const Reply made = world.ask(World::root, "POST", target, json::serialize(body));
  ASSERT_EQ(made.status, 201) << made.response.body;
  const auto facts = read_certificate(text(made.body, "certificate"));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->common_name, "ann");  // whatever the request said
  Caller caller = network;
  caller.source = Source::certificate;
  caller.credential = "ann";
  caller.proof = hex(facts->digest);
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 200);
  caller.source = Source::token;  // a certificate is no token
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 401);
  caller.source = Source::certificate;
  caller.proof = std::string(64, '0');
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 401);
  caller.proof = hex(facts->digest);
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 200);
  const std::string rotate = "/api/v1/certificate/actions/rotate";
  ASSERT_EQ(world.ask(World::root, "POST", rotate).status, 200);
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 200);
  ASSERT_EQ(world.ask(World::root, "POST", rotate, R"({"authority":true})").status, 200);
  EXPECT_EQ(world.ask(caller, "GET", "/version").status, 401);
  for (const char* request : {"", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"}) {
    body["request"] = request;
    body["name"] = "bob";
    EXPECT_EQ(world.ask(World::root, "POST", target, json::serialize(body)).status, 400);
  }
}

TEST(Certificates, NoAnswerHoldsAPrivateKey) {
  World world;
  for (const auto& [method, target, body] :
       {std::tuple{"POST", "/api/v1/certificate/actions/rotate", R"({"authority":true})"},
        {"POST", "/api/v1/certificate/actions/rotate", "{}"},
        {"GET", "/api/v1/certificate", ""}}) {
    const Reply reply = world.ask(World::root, method, target, body);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.response.body.find("PRIVATE"), std::string::npos);
  }
  EXPECT_EQ(world.backend.acts[0].object, "certificate/authority");
  EXPECT_EQ(world.ask(World::root, "POST", "/api/v1/certificate/actions/rotate", R"({"all":true})")
                .status,
            400);
}

TEST(Authority, RenewsInTimeAndKeepsItsFingerprint) {
  constexpr int64_t day = 86'400'000'000'000;
  size_t saved = 0;
  Authority authority("alpha", [&](const AuthorityKeys&) {
    ++saved;
    return Status();
  });
  const WallTime now{1'760'000'000'000'000'000};
  EXPECT_TRUE(*authority.ensure({"alpha"}, now));
  const AuthorityKeys first = authority.keys();
  EXPECT_FALSE(*authority.ensure({"alpha"}, {now.ns + 59 * day}));
  EXPECT_TRUE(*authority.ensure({"alpha"}, {now.ns + 61 * day}));
  EXPECT_TRUE(*authority.ensure({"alpha", "beta"}, {now.ns + 61 * day}));
  EXPECT_EQ(saved, 3u);
  EXPECT_EQ(authority.keys().authority.certificate, first.authority.certificate);
  EXPECT_NE(authority.keys().server_key, first.server_key);
  ASSERT_TRUE(authority.rotate(true, now).ok());
  EXPECT_NE(authority.keys().authority.certificate, first.authority.certificate);
  Authority again("alpha", [](const AuthorityKeys&) { return Status(); });
  AuthorityKeys mixed = authority.keys();
  mixed.server_certificate = first.server_certificate;
  EXPECT_FALSE(again.restore(mixed).ok());
  EXPECT_TRUE(again.restore(authority.keys()).ok());
  Authority full("alpha",
                 [](const AuthorityKeys&) -> Status { return Error(Code::exhausted, "full"); });
  EXPECT_FALSE(full.ensure({}, now).ok());
  EXPECT_FALSE(full.has_keys());
}

}  // namespace
}  // namespace bridle::api
