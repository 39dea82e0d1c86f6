// The rows of the table for the objects of every kind.
#include "api/routes.h"

namespace bridle::api {

namespace {

constexpr size_t object_limit = 1 << 20;  // of a body; the store takes values of 1 MiB

const std::vector<Parameter>& list_parameters() {
  static const std::vector<Parameter> parameters = {
      {"selector", "query", "string", "Labels: k=v,k2!=v2,k3."},
      {"limit", "query", "integer",
       "At most so many objects, 1 to 1000; 500 if not given; 0: all, streamed."},
      {"continue", "query", "string", "The continue of the page before."}};
  return parameters;
}

std::string folder(const model::KindInfo& kind) {
  return (kind.has_project ? "/api/v1/projects/{project}/" : "/api/v1/") + std::string(kind.plural);
}

Route base(const model::KindInfo& kind, std::string_view method, std::string_view verb) {
  Route route;
  route.method = method;
  route.kind = kind.kind;
  route.right = Right::read;
  route.scope = kind.has_project ? Scope::project : Scope::filtered;
  route.id = std::string(verb) + std::string(kind.name);
  route.answer_schema = kind.name;
  return route;
}

Route list_all(const model::KindInfo& kind) {
  Route route = base(kind, "GET", "listAll");
  route.pattern = "/api/v1/" + std::string(kind.plural);
  route.scope = Scope::filtered;
  route.handler = list_objects;
  route.summary = "The " + std::string(kind.plural) + " that the caller may see, of every project";
  route.parameters = list_parameters();
  if (kind.has_project)
    route.parameters.push_back({"project", "query", "string", "Only of this project."});
  route.answer_schema += "List";
  return route;
}

Route list_one(const model::KindInfo& kind) {
  Route route = base(kind, "GET", "list");
  route.pattern = folder(kind);
  route.handler = list_objects;
  route.summary = "The " + std::string(kind.plural) + " of a project";
  route.parameters = list_parameters();
  route.answer_schema += "List";
  return route;
}

Route get(const model::KindInfo& kind) {
  Route route = base(kind, "GET", "get");
  route.pattern = folder(kind) + "/{name}";
  route.handler = get_object;
  route.summary = "One " + std::string(kind.singular);
  return route;
}

Route apply(const model::KindInfo& kind) {
  Route route = base(kind, "PUT", "apply");
  route.pattern = folder(kind) + "/{name}";
  route.right = right_to_write(kind.kind);
  route.scope = kind.has_project ? Scope::project : Scope::host;
  route.handler = apply_object;
  route.summary = "Creates or changes one " + std::string(kind.singular) +
                  "; metadata.resourceVersion, if given, must be that of the object as it was read";
  route.body_limit = object_limit;
  route.body_schema = kind.name;
  route.parameters = {
      {"dryRun", "query", "boolean", "Checks everything and shows the result; changes nothing."}};
  route.statuses = {200, 201};
  return route;
}

Route remove(const model::KindInfo& kind) {
  Route route = base(kind, "DELETE", "delete");
  route.pattern = folder(kind) + "/{name}";
  route.right = right_to_write(kind.kind);
  route.scope = kind.has_project ? Scope::project : Scope::host;
  route.handler = delete_object;
  route.summary = "Deletes one " + std::string(kind.singular) +
                  "; 202 while Bridle cleans up behind it, 200 when it is gone";
  route.parameters = {
      {"dryRun", "query", "boolean", "Checks everything; changes nothing."},
      {"resourceVersion", "query", "integer", "Only if it is unchanged since this revision."}};
  route.statuses = {200, 202};
  return route;
}

}  // namespace

std::vector<Route> object_routes() {
  std::vector<Route> routes;
  for (const model::KindInfo& kind : model::all_kinds()) {
    routes.push_back(list_all(kind));
    if (kind.has_project) routes.push_back(list_one(kind));
    routes.push_back(get(kind));
    if (!kind.user_writable) continue;
    routes.push_back(apply(kind));
    routes.push_back(remove(kind));
  }
  return routes;
}

}  // namespace bridle::api
