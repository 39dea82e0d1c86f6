// openapi_schemas(): the schema as JSON Schema 2020-12, which is what OpenAPI 3.1 embeds.
#include <array>

#include "model/quantity.h"
#include "model/schema.h"

namespace bridle::model {
namespace {

constexpr uint64_t unbounded = std::numeric_limits<uint64_t>::max();

json::object of_fields(const std::vector<Field>& fields, bool closed);
json::object of_field(const Field& field, bool closed);

void put_bounds(json::object& out, const Field& field, std::string_view least,
                std::string_view most) {
  if (field.least != 0) out[least] = field.least;
  if (field.most != unbounded) out[most] = field.most;
}

json::object boolean_of(const Field&, bool) { return {{"type", "boolean"}}; }

json::object integer_of(const Field& field, bool) {
  json::object out{{"type", "integer"}, {"minimum", field.least}};
  if (field.most != unbounded) out["maximum"] = field.most;
  return out;
}

json::object bytes_of_field(const Field&, bool) {
  return {{"type", {"string", "integer"}},
          {"pattern", "^[0-9]+(\\.[0-9]+)?(B|[KMGT](iB)?|[kMGT]B)?$"},
          {"minimum", 0},
          {"format", "bytes"}};
}

json::object cores_of_field(const Field&, bool) {
  return {{"type", {"string", "number"}},
          {"pattern", "^[0-9]+(\\.[0-9]+)?m?$"},
          {"minimum", 0},
          {"format", "cores"}};
}

json::object duration_of_field(const Field&, bool) {
  return {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$"}};
}

json::object text_of(const Field& field, bool) {
  json::object out{{"type", "string"}};
  put_bounds(out, field, "minLength", "maxLength");
  if (!field.choices.empty()) out["enum"] = json::array(field.choices.begin(), field.choices.end());
  if (field.format != nullptr) out["format"] = field.format->name;
  return out;
}

json::object object_of(const Field& field, bool closed) { return of_fields(field.fields, closed); }

json::object list_of(const Field& field, bool closed) {
  json::object out{{"type", "array"}, {"items", of_field(field.fields[0], closed)}};
  put_bounds(out, field, "minItems", "maxItems");
  return out;
}

json::object map_of(const Field& field, bool closed) {
  json::object out{{"type", "object"}, {"additionalProperties", of_field(field.fields[0], closed)}};
  put_bounds(out, field, "minProperties", "maxProperties");
  return out;
}

json::object of_field(const Field& field, bool closed) {
  using Make = json::object (*)(const Field&, bool);
  static constexpr std::array<Make, 9> makers{boolean_of,     integer_of,        bytes_of_field,
                                              cores_of_field, duration_of_field, text_of,
                                              object_of,      list_of,           map_of};
  json::object out = makers[static_cast<size_t>(field.type)](field, closed);
  if (!field.help.empty()) out["description"] = field.help;
  if (!field.fallback.empty() && closed)
    out["default"] = json::parse({field.fallback.data(), field.fallback.size()});
  if (!field.example.empty()) out["x-example"] = field.example;
  if (field.write_only) out["writeOnly"] = true;
  if (field.immutable) out["x-immutable"] = true;
  if (field.grows) out["x-grows"] = true;
  return out;
}

// closed: what users write, where an unknown key is an error. Otherwise what Bridle writes, which
// may grow.
json::object of_fields(const std::vector<Field>& fields, bool closed) {
  json::object properties;
  json::array required;
  for (const Field& field : fields) {
    properties[field.key] = of_field(field, closed);
    if (field.required && closed) required.emplace_back(field.key);
  }
  json::object out{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) out["required"] = std::move(required);
  if (closed) out["additionalProperties"] = false;
  return out;
}

json::object link(std::string_view name) {
  return {{"$ref", "#/components/schemas/" + std::string(name)}};
}

json::object whole(const KindSchema& about) {
  const std::string name(info(about.kind).name);
  json::object status = link(name + "Status");
  status["readOnly"] = true;
  json::object properties{{"apiVersion", {{"type", "string"}, {"const", api_version}}},
                          {"kind", {{"type", "string"}, {"const", name}}},
                          {"metadata", link(name + "Metadata")},
                          {"spec", link(name + "Spec")},
                          {"status", std::move(status)}};
  return {{"type", "object"},
          {"description", about.help},
          {"properties", std::move(properties)},
          {"required", {"apiVersion", "kind", "metadata"}},
          {"additionalProperties", false}};
}

}  // namespace

json::object openapi_schemas() {
  json::object out;
  for (const KindInfo& kind : all_kinds()) {
    const KindSchema& about = schema(kind.kind);
    const std::string name(kind.name);
    out[name] = whole(about);
    out[name + "Metadata"] = of_fields(metadata_fields(kind.kind), true);
    out[name + "Spec"] = of_fields(about.spec, true);
    out[name + "Status"] = of_fields(about.status, false);
  }
  return out;
}

}  // namespace bridle::model
