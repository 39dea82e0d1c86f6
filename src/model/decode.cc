// decode(): documents of users to objects.
#include <algorithm>
#include <array>

#include "model/path.h"
#include "model/schema.h"

namespace bridle::model {
namespace {

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

// The part below key if it is an object; otherwise a violation (unless it may be absent).
const json::object* part(const json::object& document, std::string_view key, bool required,
                         Violations& violations) {
  const json::value* value = document.if_contains(key);
  if (value == nullptr || value->is_null()) {
    if (required) violations.add(std::string(key), "required, and missing");
    return nullptr;
  }
  if (!value->is_object())
    violations.add(std::string(key), "expected an object, found " + describe(*value));
  return value->if_object();
}

void check_version(const json::object& document, Violations& violations) {
  const json::value* version = document.if_contains("apiVersion");
  if (version != nullptr && version->is_string() && view(version->get_string()) == api_version)
    return;
  violations.add("apiVersion", "expected " + std::string(api_version) + ", found " +
                                   (version == nullptr ? "nothing" : describe(*version)));
}

const KindInfo* check_kind(const json::object& document, Violations& violations) {
  std::vector<std::string_view> names;
  std::string expected;
  for (const KindInfo& kind : all_kinds()) {
    names.push_back(kind.name);
    expected.append(expected.empty() ? "" : ", ").append(kind.name);
  }
  const json::value* found = document.if_contains("kind");
  const std::string_view word =
      found != nullptr && found->is_string() ? view(found->get_string()) : std::string_view();
  for (const KindInfo& kind : all_kinds())
    if (kind.name == word) return &kind;
  const std::string_view near = nearest(word, names);
  violations.add("kind", "expected one of " + expected + ", found " +
                             (found == nullptr ? "nothing" : describe(*found)) +
                             (near.empty() ? "" : "; did you mean " + std::string(near) + "?"));
  return nullptr;
}

void check_top(const json::object& document, Violations& violations) {
  static constexpr std::array<std::string_view, 5> known{"apiVersion", "kind", "metadata", "spec",
                                                         "status"};
  for (const auto& item : document) {
    const std::string_view key(item.key().data(), item.key().size());
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (violations.full()) {
      violations.add({}, {});
      continue;
    }
    const std::string_view near = nearest(key, known);
    violations.add(path_to_key("", key),
                   near.empty()
                       ? "unknown key; known here: apiVersion, kind, metadata, spec, status"
                       : "unknown key, did you mean " + quoted(near) + "?");
  }
}

void decode_metadata(const json::object& document, Decoded& out) {
  Violations& violations = out.violations;
  const json::object* metadata = part(document, "metadata", true, violations);
  if (metadata == nullptr) return;
  const size_t before = violations.count();
  const json::object normal = check(metadata_fields(out.object.kind), *metadata, "metadata",
                                    Strictness::strict, violations);
  if (violations.count() != before) return;
  if (auto read = metadata_from_json(normal)) {
    out.object.metadata = std::move(*read);
  } else {
    violations.add("metadata", read.error().message());
  }
}

json::object checked_spec(Kind kind, const json::object& spec, Violations& violations) {
  const KindSchema& table = schema(kind);
  const size_t before = violations.count();
  json::object normal = check(table.spec, spec, "spec", Strictness::strict, violations);
  if (violations.count() == before && table.rules != nullptr) table.rules(normal, violations);
  return normal;
}

}  // namespace

Decoded decode(const json::value& document) {
  Decoded out;
  const json::object* top = document.if_object();
  if (top == nullptr) {
    out.violations.add("", "expected an object with apiVersion, kind, metadata and spec, found " +
                               describe(document));
    return out;
  }
  check_top(*top, out.violations);
  check_version(*top, out.violations);
  const KindInfo* kind = check_kind(*top, out.violations);
  if (kind == nullptr) return out;
  out.object.kind = kind->kind;
  decode_metadata(*top, out);
  const bool spec_required = kind->kind != Kind::secret && kind->kind != Kind::host;
  if (const json::object* spec = part(*top, "spec", spec_required, out.violations))
    out.object.spec = checked_spec(kind->kind, *spec, out.violations);
  else if (const json::value* none = top->if_contains("spec");
           !spec_required && (none == nullptr || none->is_null()))
    out.object.spec = checked_spec(kind->kind, {}, out.violations);
  if (const json::object* status = part(*top, "status", false, out.violations))
    out.object.status =
        check(schema(kind->kind).status, *status, "status", Strictness::lenient, out.violations);
  return out;
}

void set_default(json::value& document, std::string_view key, std::string_view value) {
  if (!document.is_object()) return;
  json::value& metadata = document.get_object()["metadata"];
  if (metadata.is_null()) metadata.emplace_object();
  if (metadata.is_object() && !metadata.get_object().contains(key))
    metadata.get_object()[key] = value;
}

Result<json::object> normal_spec(Kind kind, const json::object& spec) {
  Violations violations;
  json::object normal = checked_spec(kind, spec, violations);
  if (!violations.empty()) return violations.error();
  return normal;
}

Result<Object> from_json(const json::value& value) {
  Decoded decoded = decode(value);
  if (!decoded.violations.empty()) return decoded.violations.error();
  return std::move(decoded.object);
}

}  // namespace bridle::model
