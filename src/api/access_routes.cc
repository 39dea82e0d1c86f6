// Who am I, and may I? Both answer from what was given to the caller; neither looks at an object,
// so that nobody learns from them what is there.
//
// can-i asks the table of routes: the verb is what the route does (get, list, apply, delete, or the
// last part of its path: start, console, build), the kind is the kind's, or what stands behind
// /api/v1/ (ledger, doctor). An answer of "yes" means that the request would reach its handler.
#include <algorithm>
#include <charconv>

#include "api/api.h"
#include "api/routes.h"
#include "model/violation.h"

namespace bridle::api {

namespace {

json::object shown_grant(const Grant& grant) {
  json::object out = {{"role", name(grant.role)}};
  out["everywhere"] = grant.everywhere;
  json::array projects;
  for (const std::string& project : grant.projects)
    if (project != "*") projects.emplace_back(project);
  out["projects"] = std::move(projects);
  out["rawAllowed"] = grant.raw_allowed || grant.role == Role::admin;
  out["owner"] = grant.owner;
  return out;
}

void who_am_i(ExchangePtr exchange) {
  json::array grants;
  for (const Grant& grant : exchange->access.grants()) grants.push_back(shown_grant(grant));
  exchange->answer(200, {{"identity", exchange->access.who()}, {"grants", std::move(grants)}});
}

// "machines" of "/api/v1/projects/{project}/machines/{name}/console" is the kind; what follows
// {name} is the verb.
std::string tail_of(const Route& route) {
  const size_t at = route.pattern.find("{name}/");
  if (at == std::string::npos) return {};
  return route.pattern.substr(route.pattern.rfind('/') + 1);
}

std::string verb_of(const Route& route) {
  if (std::string tail = tail_of(route); !tail.empty()) return tail;
  if (route.method == "PUT") return "apply";
  if (route.method == "DELETE") return "delete";
  if (route.method == "POST") return "create";
  const bool many = route.kind && route.pattern.find("{name}") == std::string::npos;
  return many ? "list" : "get";
}

std::string noun_of(const Route& route) {
  if (route.kind) return std::string(model::info(*route.kind).singular);
  constexpr std::string_view root = "/api/v1/";
  return route.pattern.starts_with(root) ? route.pattern.substr(root.size())
                                         : route.pattern.substr(1);
}

std::string canonical_verb(std::string_view word) {
  return word == "create" || word == "update" ? "apply" : std::string(word);
}

std::string canonical_noun(std::string_view word) {
  const model::KindInfo* kind = model::find_kind(word);
  return std::string(kind != nullptr ? kind->singular : word);
}

struct Question {
  std::string verb, noun, name, project;
};

bool asks_of(const Route& route, const Question& question, std::string_view verb) {
  if (noun_of(route) != question.noun || verb_of(route) != verb) return false;
  const bool in_project = route.pattern.find("{project}") != std::string::npos;
  const bool has_project = route.kind && model::info(*route.kind).has_project;
  // A list is in one project or of all: what the caller named decides.
  return !has_project || in_project == !question.project.empty();
}

// Code::invalid: nothing of the table has this verb and this noun; the message says what has.
Result<const Route*> find_route(const Router& router, const Question& question) {
  const std::string plain = question.verb, canonical = canonical_verb(question.verb);
  std::string verbs, nouns;
  for (const std::string& verb : {plain, canonical})
    for (const Route& route : router.routes())
      if (asks_of(route, question, verb)) return &route;
  const auto note = [](std::string& list, const std::string& word) {
    if ((", " + list + ",").find(", " + word + ",") == std::string::npos)
      list += (list.empty() ? "" : ", ") + word;
  };
  for (const Route& route : router.routes()) {
    note(nouns, noun_of(route));
    if (noun_of(route) == question.noun) note(verbs, verb_of(route));
  }
  if (verbs.empty())
    return Error(Code::invalid, "parameter kind: there is no kind " + model::quoted(question.noun) +
                                    "; known: " + nouns);
  return Error(Code::invalid, "parameter verb: " + model::quoted(question.verb) +
                                  " is not done to a " + question.noun +
                                  (question.project.empty() ? " outside a project" : "") +
                                  "; known: " + verbs);
}

Result<uint32_t> number_of(std::string_view text) {
  uint32_t id = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (ec != std::errc{} || end != text.data() + text.size() || id == UINT32_MAX)
    return Error(Code::invalid, "parameter as: expected a number below 4294967295");
  return id;
}

// "uid:1000", "uid:1000,gid:50,gid:100", "token:ci", "certificate:ann".
Result<Caller> read_identity(std::string_view text) {
  Caller out;
  const auto wrong = [] {
    return Error(Code::invalid,
                 "parameter as: expected uid:N (and gid:N behind it, with commas), token:NAME or "
                 "certificate:NAME");
  };
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return wrong();
  for (const Source source : {Source::token, Source::certificate}) {
    if (text.substr(0, colon) != name(source)) continue;
    out.source = source;
    out.credential = text.substr(colon + 1);
    if (!model::check_name("as", out.credential).ok()) return wrong();
    return out;
  }
  if (!text.starts_with("uid:")) return wrong();
  for (bool first = true; first || !text.empty(); first = false) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (!part.starts_with(first ? "uid:" : "gid:")) return wrong();
    BRIDLE_TRY(const uint32_t id, number_of(part.substr(4)));
    if (first)
      out.uid = id;
    else
      out.groups.push_back(id);
  }
  return out;
}

// Whom the question is about: the caller, or whom an admin or an owner of the project asks about.
Result<Access> subject_of(Exchange& exchange, const std::string& project) {
  const std::string_view as = exchange.parameter("as");
  if (as.empty()) return exchange.access;
  const bool admin = exchange.access.may(Right::govern, {});
  if (!admin && (project.empty() || !exchange.access.may(Right::delegate, project)))
    return Error(
        Code::unauthorized,
        "parameter as: only an admin, or an owner for his own project, may ask what others "
        "may do");
  BRIDLE_TRY(const Caller other, read_identity(as));
  if (other.source == Source::local) return exchange.api.access(other);
  return exchange.api.granted_by_name(other);
}

void can_i(ExchangePtr exchange) {
  Question question;
  question.verb = exchange->parameter("verb");
  question.noun = canonical_noun(exchange->parameter("kind"));
  question.name = exchange->parameter("name");
  question.project = exchange->parameter("project");
  if (question.verb.empty() || question.noun.empty())
    return exchange->fail(Error(
        Code::invalid, "parameters verb and kind: both are needed, such as start and machine"));
  const auto route = find_route(exchange->api.router(), question);
  if (!route.ok()) return exchange->fail(route.error());
  const auto access = subject_of(*exchange, question.project);
  if (!access.ok()) return exchange->fail(access.error());
  const Route& asked = **route;
  std::string place;
  if (asked.scope == Scope::project) place = question.project;
  if (asked.scope == Scope::filtered && asked.kind)
    place = boundary(*asked.kind, question.project, question.name);
  bool allowed = !access->nobody() && permitted(asked, *access, place);
  // A list of everything is everybody's, and shows what he sees; one object is not.
  const bool one = asked.pattern.find("{name}") != std::string::npos;
  if (asked.scope == Scope::filtered && one) allowed = allowed && access->sees(*asked.kind, place);
  json::object out = {{"allowed", allowed},
                      {"identity", access->who()},
                      {"verb", verb_of(asked)},
                      {"kind", noun_of(asked)},
                      {"right", name(asked.right)}};
  if (!question.project.empty()) out["project"] = question.project;
  if (const auto role = access->role_for(asked.right, place); allowed && role)
    out["role"] = name(*role);
  exchange->answer(200, out);
}

}  // namespace

std::vector<Route> access_routes() {
  Route can = get_route({Right::read, Scope::filtered}, "/api/v1/auth/can-i", can_i, "canI",
                        "May the caller do this?", "CanI");
  can.parameters = {
      {"verb", "query", "string", "get, list, apply, delete, start, console, ..."},
      {"kind", "query", "string", "machine, ledger, ..."},
      {"name", "query", "string", "Of the object; it need not exist."},
      {"project", "query", "string", "Where; none: in every project."},
      {"as", "query", "string",
       "Somebody else: uid:1000, uid:1000,gid:50, token:ci, certificate:ann. For admins, and for "
       "owners in their project."}};
  return {get_route({Right::read, Scope::filtered}, "/api/v1/auth/whoami", who_am_i, "whoAmI",
                    "Who the caller is, and what he holds", "WhoAmI"),
          can};
}

}  // namespace bridle::api
