#include "api/openapi.h"

#include <set>

#include "model/schema.h"

namespace bridle::api {

namespace {

json::object reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

json::object json_content(json::object schema) {
  return {{"application/json", {{"schema", std::move(schema)}}}};
}

json::object parameter(std::string_view name, std::string_view in, std::string_view type,
                       std::string_view about, bool required) {
  return {{"name", name},
          {"in", in},
          {"required", required},
          {"description", about},
          {"schema", {{"type", type}}}};
}

json::array parameters_of(const Route& route) {
  json::array out;
  for (const std::string_view variable : {"project", "name"})
    if (route.pattern.find("{" + std::string(variable) + "}") != std::string::npos)
      out.push_back(parameter(variable, "path", "string", "As in metadata.", true));
  for (const Parameter& given : route.parameters)
    out.push_back(parameter(given.name, given.in, given.type, given.about, false));
  return out;
}

json::object success(const Route& route, int status) {
  json::object out = {{"description", std::string(reason_phrase(status))}};
  if (status == 101) return out;
  if (route.answer_schema == "EventStream") {
    out["content"] = {{"text/event-stream", {{"schema", {{"type", "string"}}}}}};
    return out;
  }
  if (route.answer_schema == "PlainText") {
    out["content"] = {{"text/plain", {{"schema", {{"type", "string"}}}}}};
    return out;
  }
  if (route.answer_schema == "Picture") {
    out["content"] = {{"image/png", {{"schema", {{"type", "string"}, {"format", "binary"}}}}}};
    return out;
  }
  out["content"] = json_content(route.answer_schema.empty() ? json::object{{"type", "object"}}
                                                            : reference(route.answer_schema));
  return out;
}

json::object responses_of(const Route& route) {
  json::object out;
  for (const int status : route.statuses) out[std::to_string(status)] = success(route, status);
  out["default"] = {{"description", "What went wrong: see the error's code"},
                    {"content", json_content(reference("Error"))}};
  return out;
}

json::object operation_of(const Route& route) {
  json::object out;
  out["operationId"] = route.id;
  out["summary"] = route.summary;
  out["x-bridle-right"] = name(route.right);
  if (auto parameters = parameters_of(route); !parameters.empty())
    out["parameters"] = std::move(parameters);
  if (!route.body_schema.empty())
    out["requestBody"] = {{"required", route.method == "PUT"},
                          {"content", json_content(reference(route.body_schema))}};
  out["responses"] = responses_of(route);
  return out;
}

json::object object_type(json::object properties) {
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

json::object list_schema(const model::KindInfo& kind) {
  return object_type({{"apiVersion", {{"type", "string"}}},
                      {"kind", {{"type", "string"}}},
                      {"resourceVersion", {{"type", "integer"}}},
                      {"continue", {{"type", "string"}}},
                      {"items", {{"type", "array"}, {"items", reference(kind.name)}}}});
}

// Answers and bodies that are not objects of a kind.
json::object own_schemas() {
  const json::object text = {{"type", "string"}}, number = {{"type", "integer"}},
                     flag = {{"type", "boolean"}};
  const json::object rows = {{"type", "array"}, {"items", {{"type", "object"}}}};
  json::object out;
  out["Error"] = object_type({{"error", object_type({{"code", text},
                                                     {"message", text},
                                                     {"path", text},
                                                     {"oldest", number},
                                                     {"requestId", text}})}});
  out["StopRequest"] = object_type({{"force", flag}});
  out["AgentRequest"] =
      object_type({{"do", {{"type", "string"}, {"enum", {"ping", "exec", "shutdown", "info"}}}},
                   {"argv", {{"type", "array"}, {"items", text}}},
                   {"timeout", number}});
  const json::object texts = {{"type", "array"}, {"items", text}};
  json::object credential = {{"name", text},      {"source", text},     {"role", text},
                             {"projects", texts}, {"rawAllowed", flag}, {"created", text},
                             {"expires", text},   {"issuer", text},     {"expired", flag}};
  out["CredentialList"] =
      object_type({{"items", {{"type", "array"}, {"items", object_type(credential)}}}});
  for (const char* more : {"token", "certificate", "authority"}) credential[more] = text;
  out["NewCredential"] = object_type(std::move(credential));
  out["CredentialRequest"] = object_type({{"name", text},
                                          {"role", text},
                                          {"projects", texts},
                                          {"rawAllowed", flag},
                                          {"expiresIn", number},
                                          {"request", text}});
  out["RotateRequest"] = object_type({{"authority", flag}});
  out["Certificates"] = object_type({{"authority", object_type({})}, {"server", object_type({})}});
  out["LedgerPage"] = object_type({{"last", number}, {"more", flag}, {"entries", rows}});
  out["LedgerKey"] = object_type({{"algorithm", text}, {"pem", text}});
  out["DoctorReport"] = object_type({{"checks", rows}});
  out["UsageReport"] = object_type({{"at", text}, {"machines", rows}, {"processes", rows}});
  out["Version"] = object_type({{"name", text}, {"version", text}, {"api", text}});
  out["WhoAmI"] = object_type({{"identity", text}, {"grants", rows}});
  out["CanI"] = object_type({{"allowed", flag},
                             {"identity", text},
                             {"verb", text},
                             {"kind", text},
                             {"project", text},
                             {"right", text},
                             {"role", text}});
  out["Health"] = object_type({{"status", text}});
  for (const model::KindInfo& kind : model::all_kinds())
    out[std::string(kind.name) + "List"] = list_schema(kind);
  return out;
}

}  // namespace

json::object openapi_document(const std::vector<Route>& routes) {
  json::object paths;
  for (const Route& route : routes) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    json::value& path = paths[route.pattern];
    if (path.is_null()) path.emplace_object();
    path.get_object()[method] = operation_of(route);
  }
  json::object schemas = model::openapi_schemas();
  for (auto& [key, value] : own_schemas()) schemas[key] = value;
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "Bridle"},
            {"version", BRIDLE_VERSION},
            {"description", "Virtual machines on this host. See docs/api.md."}}},
          {"paths", std::move(paths)},
          {"components", {{"schemas", std::move(schemas)}}}};
}

}  // namespace bridle::api
