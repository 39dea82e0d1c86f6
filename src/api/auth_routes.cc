// Credentials and certificates: who is let in over the network, and what this host shows to them.
//
// A token's secret is in one answer, that of the request that made it, and nowhere else. A client's
// private key never comes here: what comes is a request for a certificate.
#include "api/api.h"
#include "api/authority.h"
#include "api/credential.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

constexpr int64_t second = 1'000'000'000;
constexpr uint64_t least_life = 60, most_life = 3650ull * 86400;  // seconds
constexpr uint64_t default_life = 30ull * 86400;
constexpr size_t max_projects = 64;

struct Wanted {
  Credential credential;
  std::string request;  // of a certificate
};

Error bad(std::string_view key, std::string_view expected) {
  return Error(Code::invalid, std::string(key) + ": expected " + std::string(expected));
}

Result<Role> read_role(const json::value& value) {
  if (value.is_string())
    for (const Role role : all_roles)
      if (name(role) == value.get_string()) return role;
  return bad("role", "admin, operator, auditor or tenant");
}

Status read_projects(const json::value& value, Grant& grant) {
  if (!value.is_array() || value.get_array().size() > max_projects)
    return bad("projects", "a list of at most 64 names, or [\"*\"]");
  for (const json::value& project : value.get_array()) {
    if (!project.is_string()) return bad("projects", "names");
    if (project.get_string() == "*") {
      grant.everywhere = true;
      continue;
    }
    BRIDLE_CHECK(model::check_name("projects", project.get_string()));
    grant.projects.emplace_back(project.get_string());
  }
  return {};
}

Status read_key(std::string_view key, const json::value& value, WallTime now, Wanted& out) {
  Credential& made = out.credential;
  if (key == "name") {
    if (!value.is_string()) return bad("name", "a name");
    made.name = value.get_string();
    return model::check_name("name", made.name);
  }
  if (key == "role") {
    BRIDLE_TRY(made.grant.role, read_role(value));
    return {};
  }
  if (key == "projects") return read_projects(value, made.grant);
  if (key == "rawAllowed") {
    if (!value.is_bool()) return bad("rawAllowed", "true or false");
    made.grant.raw_allowed = value.get_bool();
    return {};
  }
  if (key == "expiresIn") {
    boost::system::error_code ec;
    const auto seconds = value.to_number<uint64_t>(ec);
    if (ec || seconds < least_life || seconds > most_life)
      return bad("expiresIn", "seconds, from a minute to 3650 days");
    made.expires = {now.ns + static_cast<int64_t>(seconds) * second};
    return {};
  }
  if (key == "request" && made.source == Source::certificate) {
    if (!value.is_string()) return bad("request", "a certificate request in PEM");
    out.request = value.get_string();
    return {};
  }
  return Error(Code::invalid, "the body: unknown key \"" + std::string(key) + "\"");
}

Result<Wanted> read_wanted(const Exchange& exchange, Source source) {
  BRIDLE_TRY(const json::value body, body_json(exchange.request));
  if (!body.is_object()) return Error(Code::invalid, "the body: expected an object");
  Wanted out;
  Credential& made = out.credential;
  made.source = source;
  made.created = exchange.backend.wall();
  made.expires = {made.created.ns + static_cast<int64_t>(default_life) * second};
  made.issuer = who(exchange.caller);
  for (const auto& [key, value] : body.get_object())
    BRIDLE_CHECK(read_key(key, value, made.created, out));
  if (made.name.empty()) return bad("name", "a name");
  if (!body.get_object().contains("role")) return read_role({}).error();
  if (!made.grant.everywhere && made.grant.projects.empty())
    return bad("projects", "at least one project, or [\"*\"] for all");
  return out;
}

Act act_on_credential(const Exchange& exchange, std::string_view verb, std::string_view name) {
  Act act;
  act.actor = exchange.access.actor(exchange.route.right, {});
  act.verb = verb;
  act.object = "credential/" + std::string(name);
  act.reason = std::string(exchange.request.header(reason_header));
  act.request_id = exchange.request_id;
  act.peer = exchange.caller.peer;
  return act;
}

// Stores it and answers with it and `more`, which may hold what is shown only now.
void keep(ExchangePtr exchange, const Credential& made, std::string_view verb, json::object more) {
  const auto held = exchange->api.credentials();
  if (!held.ok()) return exchange->fail(held.error());
  if ((*held)->all().size() >= max_credentials)
    return exchange->fail(
        Error(Code::exhausted, "there are 1024 credentials already; revoke those not needed"));
  Mutation mutation;
  mutation.act = act_on_credential(*exchange, verb, made.name);
  store::Write write;
  write.key = credential_key(made.name);
  write.value = encode(made);
  write.expected = 0;
  mutation.writes = {std::move(write)};
  json::object body = shown(made, made.created);
  for (auto& [key, value] : more) body[key] = std::move(value);
  exchange->backend.mutate(std::move(mutation), [exchange, body = std::move(body),
                                                 name = made.name](Result<Revision> done) {
    if (!done.ok() && done.error().code() == Code::conflict)
      return exchange->fail(Error(Code::conflict, "there is a credential \"" + name +
                                                      "\" already; revoke it, or choose another "
                                                      "name"));
    if (!done.ok()) return exchange->fail(done.error());
    exchange->answer(201, body);
  });
}

void create_token(ExchangePtr exchange) {
  auto wanted = read_wanted(*exchange, Source::token);
  if (!wanted.ok()) return exchange->fail(wanted.error());
  Credential& made = wanted->credential;
  const std::string token = make_token(made.name, exchange->backend.random());
  made.proof = read_bearer("Bearer " + token)->proof;
  keep(exchange, made, "token.create", {{"token", token}});
}

void sign_certificate(ExchangePtr exchange) {
  auto wanted = read_wanted(*exchange, Source::certificate);
  if (!wanted.ok()) return exchange->fail(wanted.error());
  Credential& made = wanted->credential;
  const Authority& authority = exchange->backend.authority();
  const auto signed_now =
      authority.sign_client(made.name, wanted->request, made.created, made.expires);
  if (!signed_now.ok()) return exchange->fail(signed_now.error());
  const auto facts = read_certificate(*signed_now);
  if (!facts.ok()) return exchange->fail(facts.error());
  made.proof = hex(facts->digest);
  keep(exchange, made, "certificate.sign",
       {{"certificate", *signed_now}, {"authority", authority.keys().authority.certificate}});
}

void list_credentials(ExchangePtr exchange) {
  const auto held = exchange->api.credentials();
  if (!held.ok()) return exchange->fail(held.error());
  json::array items;
  for (const auto& [name, credential] : (*held)->all())
    items.push_back(shown(credential, exchange->backend.wall()));
  exchange->answer(200, {{"items", std::move(items)}});
}

void revoke_credential(ExchangePtr exchange) {
  const auto held = exchange->api.credentials();
  if (!held.ok()) return exchange->fail(held.error());
  const std::string name = exchange->name;
  if (!(*held)->all().contains(name))
    return exchange->fail(Error(Code::not_found, "credential/" + name + " does not exist"));
  Mutation mutation;
  mutation.act = act_on_credential(*exchange, "credential.revoke", name);
  store::Write write;
  write.kind = store::Write::Kind::remove;
  write.key = credential_key(name);
  mutation.writes = {std::move(write)};
  exchange->backend.mutate(std::move(mutation), [exchange, name](Result<Revision> done) {
    if (!done.ok()) return exchange->fail(done.error());
    exchange->answer(200, {{"name", name}, {"revoked", true}});
  });
}

json::object shown(const CertificateFacts& facts, const std::string& pem) {
  json::array names;
  for (const std::string& name : facts.names) names.emplace_back(name);
  return {{"name", facts.common_name},
          {"issuer", facts.issuer},
          {"serial", facts.serial},
          {"names", std::move(names)},
          {"from", facts.from.text()},
          {"until", facts.until.text()},
          {"fingerprint", fingerprint_text(facts.digest)},
          {"certificate", pem}};
}

void answer_certificates(ExchangePtr exchange) {
  const Authority& authority = exchange->backend.authority();
  if (!authority.has_keys())
    return exchange->fail(Error(Code::not_found,
                                "this host has no certificate yet: declare where it listens "
                                "(Host, spec.api.listen), or `bridle host cert rotate`"));
  const auto own = read_certificate(authority.keys().authority.certificate);
  const auto server = read_certificate(authority.keys().server_certificate);
  if (!own.ok() || !server.ok()) return exchange->fail(own.ok() ? server.error() : own.error());
  exchange->answer(200, {{"authority", shown(*own, authority.keys().authority.certificate)},
                         {"server", shown(*server, authority.keys().server_certificate)}});
}

// What an authority that is gone has signed lets nobody in any more, connections that stand
// included.
void revoke_certificates(ExchangePtr exchange) {
  const auto held = exchange->api.credentials();
  if (!held.ok()) return exchange->fail(held.error());
  Mutation mutation;
  mutation.act = act_on_credential(*exchange, "credential.revoke", "*");
  for (const auto& [name, credential] : (*held)->all()) {
    if (credential.source != Source::certificate) continue;
    store::Write write;
    write.kind = store::Write::Kind::remove;
    write.key = credential_key(name);
    mutation.writes.push_back(std::move(write));
  }
  if (mutation.writes.empty()) return answer_certificates(exchange);
  exchange->backend.mutate(std::move(mutation), [exchange](const Result<Revision>& done) {
    if (!done.ok()) return exchange->fail(done.error());
    answer_certificates(exchange);
  });
}

void rotate_certificates(ExchangePtr exchange) {
  const auto body = body_json(exchange->request);
  if (!body.ok()) return exchange->fail(body.error());
  const json::object* fields = body->if_object();
  bool all = false;
  if (fields == nullptr) return exchange->fail(bad("the body", "an object"));
  for (const auto& [key, value] : *fields) {
    if (key != "authority" || !value.is_bool())
      return exchange->fail(bad("the body", "{\"authority\": true or false}"));
    all = value.get_bool();
  }
  Act act = act_on_credential(*exchange, "certificate.rotate", all ? "authority" : "server");
  act.object = all ? "certificate/authority" : "certificate/server";
  exchange->backend.perform(
      std::move(act),
      [exchange, all] {
        return exchange->backend.authority().rotate(all, exchange->backend.wall());
      },
      [exchange, all](const Status& done) {
        if (!done.ok()) return exchange->fail(done.error());
        return all ? revoke_certificates(exchange) : answer_certificates(exchange);
      });
}

// How /openapi.json tells of a route.
struct Told {
  std::string_view id, summary, answer;
};

Route route(std::string_view method, std::string_view pattern, Right right, Handler handler,
            const Told& told) {
  Route out;
  out.method = method;
  out.pattern = pattern;
  out.right = right;
  out.scope = Scope::host;
  out.handler = handler;
  out.id = told.id;
  out.summary = told.summary;
  out.answer_schema = told.answer;
  return out;
}

}  // namespace

std::vector<Route> auth_routes() {
  Route token = route(
      "POST", "/api/v1/auth/tokens", Right::govern, create_token,
      {"createToken", "Makes a bearer token; its secret is in this answer only", "NewCredential"});
  token.body_limit = 16 << 10;
  token.body_schema = "CredentialRequest";
  token.statuses = {201};
  Route sign = route("POST", "/api/v1/auth/certificates", Right::govern, sign_certificate,
                     {"signCertificate", "Signs a client's certificate", "NewCredential"});
  sign.body_limit = 128 << 10;
  sign.body_schema = "CredentialRequest";
  sign.statuses = {201};
  Route rotate = route(
      "POST", "/api/v1/certificate/actions/rotate", Right::govern, rotate_certificates,
      {"rotateCertificate", "A new certificate for this host; with authority a new authority too",
       "Certificates"});
  rotate.body_limit = 4096;
  rotate.body_schema = "RotateRequest";
  return {token,
          sign,
          rotate,
          route("GET", "/api/v1/auth/credentials", Right::audit, list_credentials,
                {"listCredentials", "Tokens and client certificates, without their secrets",
                 "CredentialList"}),
          route("DELETE", "/api/v1/auth/credentials/{name}", Right::govern, revoke_credential,
                {"revokeCredential", "Revokes a token or client certificate, at once", ""}),
          route("GET", "/api/v1/certificate", Right::inspect, answer_certificates,
                {"getCertificate", "The certificates that this host shows, and its authority's",
                 "Certificates"})};
}

}  // namespace bridle::api
