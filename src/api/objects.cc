#include "api/objects.h"

#include <algorithm>
#include <array>

#include "api/tenancy.h"
#include "model/machine.h"
#include "model/schema.h"

namespace bridle::api {

namespace {

Status add_status(store::Store& store, Stored& stored) {
  const model::Metadata& metadata = stored.object.metadata;
  const std::string key = model::status_key(stored.object.kind, metadata.project, metadata.name);
  BRIDLE_TRY(const auto entry, store.get(key));
  if (!entry) return {};
  BRIDLE_TRY(stored.object.status, model::decode_status(entry->value));
  stored.object.metadata.revision = std::max(stored.object.metadata.revision, entry->modified);
  return {};
}

Result<Stored> decode(store::Store& store, model::Kind kind, const store::Entry& entry) {
  Stored stored;
  auto object = model::decode_spec(kind, entry.value);
  if (!object.ok()) return std::move(object).error().context(entry.key);
  stored.object = std::move(*object);
  stored.object.metadata.revision = entry.modified;
  stored.spec_revision = entry.modified;
  BRIDLE_CHECK(add_status(store, stored).context(entry.key));
  if (kind == model::Kind::project) {
    BRIDLE_TRY(const model::ProjectUsage usage, usage_of(store, stored.object.metadata.name));
    stored.object.status = model::to_json(model::ProjectStatus{usage});
  }
  return stored;
}

uint64_t machine_generation(const model::Object& object) {
  if (object.kind != model::Kind::machine) return 0;
  const auto status = model::machine_status(object.status);
  return status.ok() ? status->machine_generation : 0;
}

}  // namespace

Result<std::optional<Stored>> find_object(store::Store& store, model::Kind kind,
                                          std::string_view project, std::string_view name) {
  // A name that breaks the rules cannot be there; it must not reach the store as a key either.
  if (!model::check_name("name", name).ok()) return std::optional<Stored>{};
  if (model::info(kind).has_project && !model::check_name("project", project).ok())
    return std::optional<Stored>{};
  BRIDLE_TRY(const auto entry, store.get(model::spec_key(kind, project, name)));
  if (!entry) return std::optional<Stored>{};
  BRIDLE_TRY(Stored stored, decode(store, kind, *entry));
  return std::optional<Stored>(std::move(stored));
}

Result<Stored> read_object(store::Store& store, model::Kind kind, std::string_view project,
                           std::string_view name) {
  BRIDLE_TRY(auto found, find_object(store, kind, project, name));
  if (!found) return Error(Code::not_found, model::ref(kind, project, name) + " does not exist");
  return std::move(*found);
}

Result<Revision> commit(store::Store& store, const Mutation& mutation) {
  std::vector<store::Write> writes = mutation.writes;
  if (mutation.reserve) {
    BRIDLE_TRY(std::vector<store::Write> more, mutation.reserve());
    for (store::Write& write : more) writes.push_back(std::move(write));
  }
  return store.commit(writes, store::Durability::full);
}

json::object shown(const model::Object& object) {
  model::Object copy = object;
  model::redact(copy);
  return model::to_json(copy);
}

namespace {

std::string text_without_status(const model::Object& object) {
  std::string out = "{\"apiVersion\":\"";
  out.append(model::api_version).append("\",\"kind\":\"");
  out.append(model::info(object.kind).name).append("\",\"metadata\":");
  out.append(json::serialize(model::to_json(object.metadata))).append(",\"spec\":");
  return out.append(json::serialize(object.spec));
}

// Without a tree on the heap.
bool is_json_object(std::string_view text) {
  std::array<unsigned char, 16 << 10> room;
  json::monotonic_resource arena(room.data(), room.size());
  boost::system::error_code failed;
  const json::value value = json::parse({text.data(), text.size()}, failed, &arena);
  return !failed && value.is_object();
}

}  // namespace

std::string shown_text(model::Object object) {
  model::redact(object);  // which may leave keys in the status
  std::string out = text_without_status(object);
  if (!object.status.empty()) out.append(",\"status\":").append(json::serialize(object.status));
  return out.append("}");
}

Result<std::string> shown_text(model::Object object, std::string_view status) {
  model::redact(object);
  std::string out = text_without_status(object);
  if (!status.empty() && !is_json_object(status))
    return Error(Code::corrupt, "a stored status is not a JSON object");
  if (!status.empty() && status != "{}") out.append(",\"status\":").append(status);
  return out.append("}");
}

store::Write put_spec(const model::Object& object, Revision expected) {
  store::Write write;
  write.key = model::spec_key(object.kind, object.metadata.project, object.metadata.name);
  write.value = model::encode_spec(object);
  write.expected = expected;
  return write;
}

Act act_on(const Exchange& exchange, std::string_view verb, const model::Object& object) {
  Act act;
  act.actor = exchange.access.actor(exchange.route.right, object.metadata.project);
  act.verb = verb;
  act.object = model::ref(object);
  act.uid = object.metadata.uid;
  act.generation = machine_generation(object);
  // Api::enter has refused one that is too long; a view of it could cut a character in two.
  act.reason = std::string(exchange.request.header(reason_header));
  act.request_id = exchange.request_id;
  act.peer = exchange.caller.peer;
  return act;
}

void mutate_and_answer(ExchangePtr exchange, Mutation mutation, model::Kind kind,
                       std::string project, std::string name, int status) {
  Backend& backend = exchange->backend;
  backend.mutate(std::move(mutation),
                 [exchange, kind, project, name, status](Result<Revision> done) {
                   if (!done.ok()) return exchange->fail(done.error());
                   const auto stored = read_object(exchange->backend.store(), kind, project, name);
                   if (!stored.ok()) return exchange->fail(stored.error());
                   exchange->answer(status, shown(stored->object));
                 });
}

Result<Selector> Selector::parse(std::string_view text) {
  Selector out;
  while (!text.empty()) {
    const std::string_view term = text.substr(0, text.find(','));
    text.remove_prefix(std::min(term.size() + 1, text.size()));
    const size_t equal = term.find('=');
    const bool differs = equal != std::string_view::npos && equal > 0 && term[equal - 1] == '!';
    Term made;
    made.key = term.substr(0, differs ? equal - 1 : equal);
    if (equal != std::string_view::npos) {
      made.value = term.substr(equal + 1);
      made.test = differs ? Test::differs : Test::equal;
    }
    if (made.key.empty() || out.terms_.size() == 16)
      return Error(Code::invalid,
                   "parameter selector: expected up to 16 of key=value, key!=value or key, with "
                   "commas between");
    out.terms_.push_back(std::move(made));
  }
  return out;
}

bool Selector::matches(const std::map<std::string, std::string>& labels) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    const auto at = labels.find(term.key);
    const bool present = at != labels.end();
    switch (term.test) {
      case Test::present:
        return present;
      case Test::equal:
        return present && at->second == term.value;
      case Test::differs:
        return !present || at->second != term.value;
    }
    return false;
  });
}

}  // namespace bridle::api
