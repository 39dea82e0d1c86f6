// Object: what users declare and see. `apiVersion`, `kind`, `metadata`, `spec` (wanted), `status`
// (seen). spec and status are JSON objects that the kind's schema (model/schema.h) has checked;
// typed views of them are in model/machine.h and its siblings.
//
// Thread class: values. No I/O here.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace bridle::model {

namespace json = boost::json;

inline constexpr std::string_view api_version = "bridle/v1";

enum class Kind { host, image, volume, machine, secret, role, operation, event, project, binding };

struct KindInfo {
  Kind kind;
  std::string_view name;        // "Machine": in objects
  std::string_view singular;    // "machine": in keys and on the command line
  std::string_view plural;      // "machines": in URLs
  std::string_view short_name;  // "m": on the command line; may be empty
  bool has_project;             // Host, Role and Project have none
  bool user_writable;           // Operation and Event are written by Bridle only
};

const std::vector<KindInfo>& all_kinds();
const KindInfo& info(Kind kind);
// By name, singular, plural or short name, any case. Empty: no such kind.
const KindInfo* find_kind(std::string_view word);

struct Metadata {
  std::string name;
  std::string project;  // empty where the kind has none
  Uuid uid;             // given at creation, never changes
  std::string owner;    // the accountable person or team; mandatory for machines
  std::map<std::string, std::string> labels;
  uint64_t generation = 0;  // rises with every change of spec
  Revision revision = 0;    // store revision of the newer of spec and status; as resourceVersion
  std::optional<WallTime> created;
  std::optional<WallTime> deleting;  // set: deletion was asked for, finalizers run
  std::vector<std::string> finalizers;
};

struct Object {
  Kind kind = Kind::machine;
  Metadata metadata;
  json::object spec;
  json::object status;
};

// "machine/lab/web" or "host/alpha": for messages and ledger entries.
std::string ref(const Object& object);
std::string ref(Kind kind, std::string_view project, std::string_view name);

// Store keys: "/spec/machine/lab/web" and "/status/machine/lab/web" (section "-" for kinds with no
// project: "/spec/host/-/alpha").
std::string spec_key(Kind kind, std::string_view project, std::string_view name);
std::string status_key(Kind kind, std::string_view project, std::string_view name);
struct KeyParts {
  bool is_status;
  Kind kind;
  std::string project, name;
};
std::optional<KeyParts> parse_key(std::string_view key);

// Names: 1 to 63 of [a-z0-9-], beginning and ending with a letter or digit.
Status check_name(std::string_view what, std::string_view name);

// The JSON form people see (keys in the order apiVersion, kind, metadata, spec, status).
json::object to_json(const Object& object);
json::object to_json(const Metadata& metadata);
Result<Metadata> metadata_from_json(const json::object& metadata);
// Its inverse, checked against the schema; errors name the path, what was expected and, for a
// misspelt key, the nearest known one. Defaults are filled in. (decode() of model/schema.h gives
// the violations one by one.)
Result<Object> from_json(const json::value& value);
// Stored values: metadata and spec under the spec key, status under the status key.
std::string encode_spec(const Object& object);
std::string encode_status(const Object& object);
// Errors: Code::corrupt. What was stored by an older Bridle is not judged by today's schema.
Result<Object> decode_spec(Kind kind, std::string_view value);  // status left empty
Result<json::object> decode_status(std::string_view value);

}  // namespace bridle::model
