#include "fleet/objects.h"

#include <algorithm>

#include "base/log.h"

namespace bridle::fleet {

bool Row::has_finalizer(std::string_view finalizer) const {
  const auto& all = object.metadata.finalizers;
  return std::find(all.begin(), all.end(), finalizer) != all.end();
}

const Row* Objects::find(std::string_view ref) const {
  auto found = rows_.find(ref);
  return found == rows_.end() || found->second.spec_revision == 0 ? nullptr : &found->second;
}

Row* Objects::find(std::string_view ref) {
  return const_cast<Row*>(std::as_const(*this).find(ref));
}

const Row* Objects::find(model::Kind kind, std::string_view project, std::string_view name) const {
  return find(model::ref(kind, project, name));
}

const Row* Objects::machine(const Uuid& uuid) const {
  auto found = machines_.find(uuid);
  return found == machines_.end() ? nullptr : find(found->second);
}

Row* Objects::machine(const Uuid& uuid) {
  return const_cast<Row*>(std::as_const(*this).machine(uuid));
}

void Objects::each(model::Kind kind, const std::function<void(const Row&)>& visit) const {
  std::string prefix = std::string(model::info(kind).singular) + "/";
  for (auto at = rows_.lower_bound(prefix); at != rows_.end(); ++at) {
    if (at->first.compare(0, prefix.size(), prefix) != 0) break;
    if (at->second.spec_revision != 0) visit(at->second);
  }
}

void Objects::each(model::Kind kind, const std::function<void(Row&)>& visit) {
  std::as_const(*this).each(
      kind, std::function<void(const Row&)>([&](const Row& row) { visit(const_cast<Row&>(row)); }));
}

Row& Objects::row(const model::KeyParts& key) {
  std::string ref = model::ref(key.kind, key.project, key.name);
  Row& row = rows_[ref];
  if (row.ref.empty()) {
    row.ref = ref;
    row.object.kind = key.kind;
  }
  return row;
}

void Objects::put_spec(const model::KeyParts& key, std::string_view value, Revision revision) {
  Row& target = row(key);
  if (revision <= target.spec_revision) return;
  Result<model::Object> decoded = model::decode_spec(key.kind, value);
  if (!decoded.ok()) {
    log::error("stored object cannot be read",
               {{"object", target.ref}, {"error", decoded.error().message()}});
    return;
  }
  if (key.kind == model::Kind::machine) {
    if (target.spec_revision != 0) machines_.erase(target.object.metadata.uid);
    machines_[decoded->metadata.uid] = target.ref;
  }
  target.object.metadata = std::move(decoded->metadata);
  target.object.spec = std::move(decoded->spec);
  target.spec_revision = revision;
  target.waits = false;
  touch(target.ref);
}

void Objects::put_status(const model::KeyParts& key, std::string_view value, Revision revision) {
  Row& target = row(key);
  if (revision <= target.status_revision) return;
  target.status_revision = revision;
  target.status_text = value;
  target.waits = false;
  if (adopting_) {
    boost::system::error_code failed;
    auto parsed = model::json::parse(value, failed);
    if (!failed && parsed.is_object()) target.object.status = parsed.as_object();
  }
  touch(target.ref);
}

void Objects::take(const std::string& key, const std::string* value, Revision revision) {
  std::optional<model::KeyParts> parts = model::parse_key(key);
  if (!parts) return;
  if (parts->kind == model::Kind::event) {
    if (on_event_key && !parts->is_status) on_event_key(key, value != nullptr);
    return;
  }
  if (value != nullptr) {
    if (parts->is_status)
      put_status(*parts, *value, revision);
    else
      put_spec(*parts, *value, revision);
    return;
  }
  std::string ref = model::ref(parts->kind, parts->project, parts->name);
  auto found = rows_.find(ref);
  if (found == rows_.end()) return;
  if (parts->is_status) {
    if (revision > found->second.status_revision) found->second.status_revision = 0;
  } else if (revision > found->second.spec_revision) {
    erase(ref);
  }
}

void Objects::erase(const std::string& ref) {
  auto found = rows_.find(ref);
  if (found == rows_.end()) return;
  if (found->second.object.kind == model::Kind::machine)
    machines_.erase(found->second.object.metadata.uid);
  rows_.erase(found);
  touch(ref);
}

void Objects::drop_missing(Revision revision, const std::vector<store::Entry>& entries) {
  std::map<std::string, Uuid> present;
  for (const store::Entry& entry : entries) {
    auto parts = model::parse_key(entry.key);
    if (!parts || parts->is_status) continue;
    Result<model::Object> object = model::decode_spec(parts->kind, entry.value);
    if (object.ok())
      present[model::ref(parts->kind, parts->project, parts->name)] = object->metadata.uid;
  }
  std::vector<std::string> gone;
  for (const auto& [ref, row] : rows_) {
    auto found = present.find(ref);
    bool same = found != present.end() && found->second == row.object.metadata.uid;
    if (!same && row.spec_revision <= revision) gone.push_back(ref);
  }
  for (const std::string& ref : gone) erase(ref);
}

void Objects::load(const std::vector<store::Entry>& entries) {
  adopting_ = !loaded_;
  for (const store::Entry& entry : entries) take(entry.key, &entry.value, entry.modified);
  adopting_ = false;
  loaded_ = true;
}

void Objects::apply(const store::Change& change) {
  take(change.key, change.value ? &*change.value : nullptr, change.revision);
}

}  // namespace bridle::fleet
