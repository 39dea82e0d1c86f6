// The schema: for each kind of object one table of fields (field.h), from which come validation,
// defaults, OpenAPI 3.1 and the command line's help.
//
//   user's document -> decode() -> Object in normal form, or every violation with its path
//   openapi_schemas()            -> components.schemas
//   explain(kind, "spec.disks")  -> text like `kubectl explain`
//
// The tables themselves are in schema_*.cc, one file per family of kinds. What a table cannot say
// (two keys that exclude each other, names that must differ) is in the kind's `rules`.
//
// Thread class: pure functions over immutable tables. Errors: Code::invalid.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/check.h"
#include "model/field.h"
#include "model/object.h"
#include "model/violation.h"

namespace bridle::model {

struct KindSchema {
  Kind kind;
  std::string_view help;     // what the kind is, for people
  std::string_view example;  // a whole object, as YAML
  std::vector<Field> spec;
  std::vector<Field> status;
  // Rules between fields; sees a spec in normal form that the table found good.
  void (*rules)(const json::object& spec, Violations& violations) = nullptr;
  bool owner_required = false;
};

const KindSchema& schema(Kind kind);
// Of metadata, for this kind: project is required or forbidden, owner may be required.
std::vector<Field> metadata_fields(Kind kind);

struct Decoded {
  Object object;  // whole only if there are no violations
  Violations violations;
};

// A document as users write it, or as the API shows it. Status is checked leniently (Bridle wrote
// it, perhaps a newer one). The caller fills in what a URL or a context implies (kind, project,
// name) beforehand, with set_default().
Decoded decode(const json::value& document);
// Sets metadata[key] = value if the document is an object whose metadata lacks the key.
void set_default(json::value& document, std::string_view key, std::string_view value);

// A spec alone, in normal form; paths begin with "spec".
Result<json::object> normal_spec(Kind kind, const json::object& spec);

// Fields that may not change once the object exists, and did. Both specs in normal form.
Violations immutable_changes(const Object& before, const Object& after);

// Write-only fields (a Secret's data) are removed; of a map of them, the keys are left behind in
// status, under the same name: spec.data {"password": ...} becomes status.data ["password"].
// Every object that leaves the daemon goes through it.
void redact(Object& object);
// Its counterpart: write-only fields that `wanted` leaves out are taken over from `stored`, so
// that what `get` printed can be applied again without loss.
void keep_write_only(Object& wanted, const Object& stored);

// {"Machine": {...}, "MachineSpec": {...}, "MachineStatus": {...}, "Metadata": {...}, ...}: JSON
// Schema 2020-12 as OpenAPI 3.1 wants it, below components.schemas.
json::object openapi_schemas();

// Help for a kind (path empty) or one field of it ("spec", "spec.disks", "spec.resources.cpu",
// with or without [n]). Code::not_found names the part that does not exist and the nearest that
// does.
Result<std::string> explain(Kind kind, std::string_view path);
// Every path that explain() knows for the kind, for shell completion.
std::vector<std::string> explain_paths(Kind kind);

}  // namespace bridle::model
