#include "api/api.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/utf8.h"

namespace bridle::api {

namespace {

// What gives roles: the keys below these.
constexpr std::array<std::string_view, 3> rule_prefixes = {"/spec/role/", "/spec/binding/",
                                                           "/spec/project/"};

Response no_route(const Router::Match& match, const Request& request, std::string_view request_id) {
  if (match.allowed.empty())
    return error_response(404, "not_found", "there is nothing at " + request.path, request_id);
  Response response = error_response(
      405, "invalid", request.method + " is not possible here; possible: " + match.allowed,
      request_id);
  response.headers.emplace_back("Allow", match.allowed);
  return response;
}

Response denied(int status, std::string_view code, std::string_view message,
                std::string_view request_id) {
  Response response = error_response(status, code, message, request_id);
  response.denied = true;
  return response;
}

Response nobody(const Caller& caller, std::string_view request_id) {
  if (caller.source == Source::local)
    return denied(
        401, "unauthorized",
        "no Role names uid " + std::to_string(caller.uid) + " or its groups; ask an admin for one",
        request_id);
  Response response =
      denied(401, "unauthorized",
             "show a token or a client certificate that is good now; an admin makes one with "
             "`bridle auth token create` or `bridle host cert sign-client`",
             request_id);
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response not_permitted(const Route& route, const Access& access, std::string_view project,
                       std::string_view request_id) {
  if (route.scope == Scope::project && !access.knows(project))
    return denied(404, "not_found", "there is no project " + std::string(project), request_id);
  const std::string where =
      route.scope == Scope::project ? " in project " + std::string(project) : " on this host";
  return denied(403, "unauthorized",
                "your role does not allow \"" + std::string(name(route.right)) + "\"" + where +
                    "; ask an admin for a Role that does",
                request_id);
}

bool is_plain_text(std::string_view text) {
  return valid_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

// The header as it must be, wherever it is given; and given where a guest is looked into from
// outside its project.
Status check_reason(const Route& route, const Access& access, const Request& request,
                    std::string_view project) {
  const std::string_view reason = request.header(reason_header);
  if (reason.size() > max_reason || !is_plain_text(reason))
    return Error(Code::invalid,
                 "X-Bridle-Reason: expected at most 256 bytes of UTF-8 without control characters");
  if (!route.looks_inside || access.belongs_to(project)) return {};
  if (reason.find_first_not_of(' ') != std::string_view::npos) return {};
  return Error(Code::refused,
               "you are not of project " + std::string(project) +
                   ": to look into its guests give a reason, which the ledger keeps, in the header "
                   "X-Bridle-Reason (bridle: --reason TEXT)");
}

bool rules_changed(store::Store& store, Revision since) {
  return std::any_of(rule_prefixes.begin(), rule_prefixes.end(), [&](std::string_view prefix) {
    const auto changed = store.changes(prefix, since, 1);
    return !changed.ok() || !changed->empty();
  });
}

Status read_rules(store::Store& store, std::string_view prefix, std::vector<RoleRule>& rules) {
  BRIDLE_TRY(const store::Listing listing, store.list(prefix));
  for (const store::Entry& entry : listing.entries) {
    const auto key = model::parse_key(entry.key);
    auto object = key ? model::decode_spec(key->kind, entry.value)
                      : Result<model::Object>(Error(Code::corrupt, "not the key of an object"));
    auto rule = object.ok() ? role_rule(*object) : Result<RoleRule>(object.error());
    if (rule.ok() && !object->metadata.deleting)
      rules.push_back(std::move(*rule));
    else if (!rule.ok())
      log::warning("a role cannot be read and gives nothing",
                   {{"key", entry.key}, {"error", rule.error().message()}});
  }
  return {};
}

}  // namespace

bool permitted(const Route& route, const Access& access, std::string_view project) {
  switch (route.scope) {
    case Scope::nowhere:
    case Scope::filtered:
      return true;
    case Scope::host:
      return access.may(route.right, {});
    case Scope::project:
      // The images of the shared project are everybody's to read.
      if (route.right == Right::read && route.kind) return access.sees(*route.kind, project);
      return access.may(route.right, project);
  }
  return false;
}

Api::Api(Backend& backend, uid_t own_uid)
    : backend_(backend), own_uid_(own_uid), router_(all_routes()) {}

Status Api::refresh_roles() {
  store::Store& store = backend_.store();
  const Revision now = store.revision();
  if (roles_known_ && now == roles_at_) return {};
  if (roles_known_ && !rules_changed(store, roles_at_)) {
    roles_at_ = now;
    return {};
  }
  roles_known_ = false;
  std::vector<RoleRule> rules;
  for (const std::string_view prefix : rule_prefixes)
    BRIDLE_CHECK(read_rules(store, prefix, rules));
  roles_ = std::move(rules);
  roles_at_ = now;
  roles_known_ = true;
  return {};
}

Result<const CredentialBook*> Api::credentials() {
  BRIDLE_CHECK(credentials_.refresh(backend_.store()).context("reading credentials"));
  return &credentials_;
}

Caller Api::identify(const Caller& connection, const Request& request) {
  if (connection.source == Source::local) return connection;
  Caller caller = connection;
  // Who shows both means the token: a certificate stays with the connection, a token is a choice.
  if (const std::string_view header = request.header("authorization"); !header.empty()) {
    const auto bearer = read_bearer(header);
    caller.source = bearer ? Source::token : Source::stranger;
    caller.credential = bearer ? bearer->name : "";
    caller.proof = bearer ? bearer->proof : "";
  }
  const auto known = access(caller);
  if (!known.ok() || known->nobody()) caller.source = Source::stranger;
  return caller;
}

Result<Access> Api::access(const Caller& caller) {
  BRIDLE_CHECK(refresh_roles().context("reading roles"));
  if (caller.source == Source::local) return Access::of(caller, roles_, own_uid_);
  BRIDLE_TRY(const CredentialBook* book, credentials());
  const Credential* found =
      book->find(caller.source, caller.credential, caller.proof, backend_.wall());
  if (found == nullptr) return Access::of(caller, roles_, own_uid_);  // gives nothing
  return Access::of(caller, {found->grant}, roles_);
}

Result<Access> Api::granted_by_name(const Caller& credential) {
  BRIDLE_CHECK(refresh_roles().context("reading roles"));
  BRIDLE_TRY(const CredentialBook* book, credentials());
  const Credential* found = book->named(credential.source, credential.credential, backend_.wall());
  std::vector<Grant> own;
  if (found != nullptr) own.push_back(found->grant);
  return Access::of(credential, own, roles_);
}

Api::Entry Api::enter(const Request& request, const Caller& caller, std::string_view request_id) {
  const auto refuse = [](Response response) {
    Entry entry;
    entry.refusal = std::move(response);
    return entry;
  };
  const auto path = split_path(request.path);
  if (!path.ok()) return refuse(error_response(path.error(), request_id));
  auto query = parse_query(request.query);
  if (!query.ok()) return refuse(error_response(query.error(), request_id));
  auto granted = access(caller);
  if (!granted.ok()) return refuse(error_response(granted.error(), request_id));

  Router::Match match = router_.match(request.method, *path);
  const bool open = match.route != nullptr && match.route->right == Right::open;
  if (granted->nobody() && (!open || caller.source != Source::local))
    return refuse(nobody(caller, request_id));
  if (match.route == nullptr) return refuse(no_route(match, request, request_id));
  if (!permitted(*match.route, *granted, match.project))
    return refuse(not_permitted(*match.route, *granted, match.project, request_id));
  if (const Status given = check_reason(*match.route, *granted, request, match.project);
      !given.ok()) {
    Response response = error_response(given.error(), request_id);
    response.denied = given.error().code() == Code::refused;
    return refuse(std::move(response));
  }
  return {std::nullopt,
          match.route,
          std::move(*granted),
          std::move(*query),
          std::move(match.project),
          std::move(match.name)};
}

// Streams and tunnels count when they begin.
Reply Api::metered(const Entry& entry, std::string_view method, Reply reply) {
  return [this, route = entry.route, method = std::string(method), began = backend_.now(),
          reply = std::move(reply)](Answer answer) {
    int status = std::holds_alternative<Tunnel>(answer) ? 101 : 200;
    if (const auto* response = std::get_if<Response>(&answer)) status = response->status;
    meter_.count(route ? std::string_view(route->id) : "none", method, status,
                 backend_.now() - began);
    reply(std::move(answer));
  };
}

void Api::handle(Request request, const Caller& caller, std::string request_id, Reply reply) {
  Entry entry = enter(request, caller, request_id);
  reply = metered(entry, request.method, std::move(reply));
  if (entry.refusal) return reply(Answer(std::move(*entry.refusal)));
  entry.route->handler(std::make_shared<Exchange>(
      Exchange{*this, backend_, *entry.route, std::move(request), caller, std::move(entry.access),
               std::move(entry.query), std::move(entry.project), std::move(entry.name),
               std::move(request_id), std::move(reply)}));
}

}  // namespace bridle::api
