#include "model/schema.h"

#include "model/formats.h"
#include "model/path.h"
#include "model/quantity.h"
#include "model/schema_tables.h"

namespace bridle::model {

const KindSchema& schema(Kind kind) {
  static const std::vector<KindSchema> schemas = [] {
    std::vector<KindSchema> list;  // in the order of Kind
    for (const auto make :
         {host_schema, image_schema, volume_schema, machine_schema, secret_schema, role_schema,
          operation_schema, event_schema, project_schema, binding_schema})
      list.push_back(make());
    return list;
  }();
  return schemas[static_cast<size_t>(kind)];
}

std::vector<Field> metadata_fields(Kind kind) {
  const Field label{.help = "Its value.", .example = "web", .format = &formats::label_value};
  std::vector<Field> fields = {
      {.key = "name",
       .help = "Name, unique among objects of the kind in the project.",
       .example = "web",
       .required = true,
       .immutable = true,
       .format = &formats::name},
      {.key = "project",
       .help = "The boundary of authorization. Never changes.",
       .example = "lab",
       .required = true,
       .immutable = true,
       .format = &formats::name},
      {.key = "uid", .help = "Given at creation.", .immutable = true, .format = &formats::uuid},
      {.key = "owner",
       .help = "The accountable person or team.",
       .example = "ann@example.org",
       .required = schema(kind).owner_required,
       .least = 1,
       .most = 128},
      {.key = "labels",
       .type = Type::map,
       .help = "For selectors.",
       .example = "{tier: web}",
       .most = 64,
       .keys = &formats::label_key,
       .fields = {label}},
      {.key = "generation", .type = Type::integer, .help = "Rises with every change of spec."},
      {.key = "resourceVersion",
       .type = Type::integer,
       .help = "Revision of the store; an update that names another one is refused."},
      {.key = "created", .help = "When it was created.", .format = &formats::time},
      {.key = "deleting", .help = "When its deletion was asked for.", .format = &formats::time},
      {.key = "finalizers",
       .type = Type::list,
       .help = "What must be cleaned up before it is gone.",
       .most = 16,
       .fields = {{.help = "One of them.", .format = &formats::label_key}}},
  };
  if (!info(kind).has_project) fields.erase(fields.begin() + 1);
  return fields;
}

namespace {

// What is left out is the default: an object may be older than the field. Null: nothing.
json::value value_of(const json::object& spec, const Field& field) {
  if (const json::value* value = spec.if_contains(field.key)) return *value;
  return field.fallback.empty() ? json::value() : json::parse(field.fallback);
}

bool grew(const Field& field, const json::value& old, const json::value& now) {
  if (!field.grows) return false;
  const auto before = bytes_of(old), after = bytes_of(now);
  return before.ok() && after.ok() && *after >= *before;
}

}  // namespace

Violations immutable_changes(const Object& before, const Object& after) {
  Violations violations;
  for (const Field& field : schema(before.kind).spec) {
    if (!field.immutable && !field.grows) continue;
    const json::value old = value_of(before.spec, field);
    const json::value now = value_of(after.spec, field);
    if (old == now || grew(field, old, now)) continue;
    const auto shown = [](const json::value& value) {
      return value.is_null() ? std::string("nothing") : describe(value);
    };
    if (field.grows) {
      violations.add(path_to_key("spec", field.key),
                     "may only grow: it is " + shown(old) + ", found " + shown(now));
      continue;
    }
    violations.add(path_to_key("spec", field.key),
                   "cannot change once the object exists; expected " + shown(old) + ", found " +
                       shown(now) + "; delete the object and make it anew");
  }
  return violations;
}

namespace {

// A map leaves its keys behind.
void leave_keys(Object& object, const Field& field, const json::value& value) {
  if (field.type != Type::map || !value.is_object()) return;
  json::array keys;
  for (const auto& item : value.get_object()) keys.emplace_back(item.key());
  object.status[field.key] = std::move(keys);
}

}  // namespace

void redact(Object& object) {
  for (const Field& field : schema(object.kind).spec) {
    const auto found = object.spec.find(field.key);
    if (!field.write_only || found == object.spec.end()) continue;
    leave_keys(object, field, found->value());
    object.spec.erase(found);
  }
}

void keep_write_only(Object& wanted, const Object& stored) {
  for (const Field& field : schema(wanted.kind).spec) {
    const json::value* kept = stored.spec.if_contains(field.key);
    if (field.write_only && kept != nullptr && !wanted.spec.contains(field.key))
      wanted.spec[field.key] = *kept;
  }
}

}  // namespace bridle::model
