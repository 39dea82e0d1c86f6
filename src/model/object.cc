#include "model/object.h"

#include <algorithm>
#include <cctype>

#include "model/reader.h"
#include "model/writer.h"

namespace bridle::model {
namespace {

std::string lower(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string key_of(std::string_view side, Kind kind, std::string_view project,
                   std::string_view name) {
  const KindInfo& about = info(kind);
  std::string key = "/" + std::string(side) + "/" + std::string(about.singular) + "/";
  key.append(about.has_project ? project : "-");
  return (key += '/').append(name);
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

const std::vector<KindInfo>& all_kinds() {
  static const std::vector<KindInfo> kinds = {
      {Kind::host, "Host", "host", "hosts", "h", false, true},
      {Kind::image, "Image", "image", "images", "i", true, true},
      {Kind::volume, "Volume", "volume", "volumes", "v", true, true},
      {Kind::machine, "Machine", "machine", "machines", "m", true, true},
      {Kind::secret, "Secret", "secret", "secrets", "s", true, true},
      {Kind::role, "Role", "role", "roles", "r", false, true},
      {Kind::operation, "Operation", "operation", "operations", "op", true, false},
      {Kind::event, "Event", "event", "events", "ev", true, false},
      {Kind::project, "Project", "project", "projects", "p", false, true},
      {Kind::binding, "Binding", "binding", "bindings", "b", true, true},
  };
  return kinds;
}

const KindInfo& info(Kind kind) { return all_kinds()[static_cast<size_t>(kind)]; }

const KindInfo* find_kind(std::string_view word) {
  const std::string wanted = lower(word);
  for (const KindInfo& kind : all_kinds()) {
    if (wanted == kind.singular || wanted == kind.plural || wanted == lower(kind.name) ||
        (!wanted.empty() && wanted == kind.short_name))
      return &kind;
  }
  return nullptr;
}

std::string ref(Kind kind, std::string_view project, std::string_view name) {
  std::string text(info(kind).singular);
  if (info(kind).has_project) (text += '/').append(project);
  return (text += '/').append(name);
}

std::string ref(const Object& object) {
  return ref(object.kind, object.metadata.project, object.metadata.name);
}

std::string spec_key(Kind kind, std::string_view project, std::string_view name) {
  return key_of("spec", kind, project, name);
}

std::string status_key(Kind kind, std::string_view project, std::string_view name) {
  return key_of("status", kind, project, name);
}

std::optional<KeyParts> parse_key(std::string_view key) {
  std::vector<std::string_view> parts;  // "", side, kind, section, name
  while (parts.size() < 5) {
    const size_t slash = parts.size() == 4 ? std::string_view::npos : key.find('/');
    parts.push_back(key.substr(0, slash));
    if (slash == std::string_view::npos) break;
    key.remove_prefix(slash + 1);
  }
  if (parts.size() != 5 || !parts[0].empty()) return {};
  if (parts[1] != "spec" && parts[1] != "status") return {};
  const KindInfo* kind = find_kind(parts[2]);
  if (kind == nullptr || kind->singular != parts[2]) return {};
  if (!check_name("name", parts[4])) return {};
  if (kind->has_project ? !check_name("project", parts[3]) : parts[3] != "-") return {};
  return KeyParts{parts[1] == "status", kind->kind,
                  kind->has_project ? std::string(parts[3]) : std::string(), std::string(parts[4])};
}

Status check_name(std::string_view what, std::string_view name) {
  const bool good = !name.empty() && name.size() <= 63 &&
                    std::all_of(name.begin(), name.end(), is_name_character) &&
                    name.front() != '-' && name.back() != '-';
  if (good) return {};
  std::string shown(name.substr(0, 64));
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return Error(Code::invalid, std::string(what) + " \"" + shown +
                                  "\": expected 1 to 63 lower-case letters, digits and dashes, "
                                  "beginning and ending with a letter or digit");
}

json::object to_json(const Metadata& metadata) {
  json::object out;
  out["name"] = metadata.name;
  put(out, "project", metadata.project);
  if (!metadata.uid.is_nil()) out["uid"] = metadata.uid.text();
  put(out, "owner", metadata.owner);
  put(out, "labels", metadata.labels);
  put(out, "generation", metadata.generation);
  put(out, "resourceVersion", metadata.revision);
  put(out, "created", metadata.created);
  put(out, "deleting", metadata.deleting);
  put(out, "finalizers", metadata.finalizers);
  return out;
}

Result<Metadata> metadata_from_json(const json::object& object) {
  Metadata metadata;
  Reader read(object, "metadata");
  read.text("name", metadata.name);
  read.text("project", metadata.project);
  read.uuid("uid", metadata.uid);
  read.text("owner", metadata.owner);
  read.map("labels", metadata.labels);
  read.number("generation", metadata.generation);
  read.number("resourceVersion", metadata.revision);
  read.time("created", metadata.created);
  read.time("deleting", metadata.deleting);
  read.texts("finalizers", metadata.finalizers);
  BRIDLE_CHECK(read.status());
  return metadata;
}

json::object to_json(const Object& object) {
  json::object out;
  out["apiVersion"] = api_version;
  out["kind"] = info(object.kind).name;
  out["metadata"] = to_json(object.metadata);
  out["spec"] = object.spec;
  if (!object.status.empty()) out["status"] = object.status;
  return out;
}

std::string encode_spec(const Object& object) {
  Metadata stored = object.metadata;
  stored.revision = 0;  // the store knows it
  return json::serialize(json::object{{"metadata", to_json(stored)}, {"spec", object.spec}});
}

std::string encode_status(const Object& object) { return json::serialize(object.status); }

namespace {

Result<json::object> stored_object(std::string_view value) {
  boost::system::error_code error;
  json::value parsed = json::parse({value.data(), value.size()}, error);
  if (error || !parsed.is_object())
    return Error(Code::corrupt, "a stored object is not JSON: " + error.message());
  return std::move(parsed.get_object());
}

}  // namespace

Result<Object> decode_spec(Kind kind, std::string_view value) {
  BRIDLE_TRY(json::object parts, stored_object(value));
  const json::value* metadata = parts.if_contains("metadata");
  json::value* spec = parts.if_contains("spec");
  if (metadata == nullptr || !metadata->is_object() || spec == nullptr || !spec->is_object())
    return Error(Code::corrupt, "a stored object lacks its metadata or spec");
  auto decoded = metadata_from_json(metadata->get_object());
  if (!decoded) return Error(Code::corrupt, "a stored object: " + decoded.error().message());
  return Object{kind, std::move(*decoded), std::move(spec->get_object()), {}};
}

Result<json::object> decode_status(std::string_view value) { return stored_object(value); }

}  // namespace bridle::model
