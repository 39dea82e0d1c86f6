// DELETE of an object, in two phases. What Bridle must clean up behind (machines, volumes, images,
// and whatever has finalizers) gets metadata.deleting; the daemon tidies up and removes it. The
// rest is removed at once. A Project must be empty.
#include <algorithm>

#include "api/api.h"
#include "api/routes.h"
#include "api/tenancy.h"

namespace bridle::api {

namespace {

constexpr size_t most_removals = 500;  // of one commit

bool needs_cleaning(const model::Object& object) {
  constexpr std::array kinds = {model::Kind::machine, model::Kind::volume, model::Kind::image};
  return !object.metadata.finalizers.empty() ||
         std::find(kinds.begin(), kinds.end(), object.kind) != kinds.end();
}

std::string_view text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view{};
}

bool has_disk(const json::object& spec, std::string_view volume) {
  const json::value* disks = spec.if_contains("disks");
  if (disks == nullptr || !disks->is_array()) return false;
  const json::array& list = disks->get_array();
  return std::any_of(list.begin(), list.end(), [&](const json::value& disk) {
    return disk.is_object() && text_at(disk.get_object(), "volume") == volume;
  });
}

// passwordSecret is "SECRET/KEY".
bool has_password(const json::object& spec, std::string_view secret) {
  const json::value* seed = spec.if_contains("seed");
  const json::value* users =
      seed != nullptr && seed->is_object() ? seed->get_object().if_contains("users") : nullptr;
  if (users == nullptr || !users->is_array()) return false;
  const json::array& list = users->get_array();
  return std::any_of(list.begin(), list.end(), [&](const json::value& user) {
    if (!user.is_object()) return false;
    const std::string_view named = text_at(user.get_object(), "passwordSecret");
    return named.substr(0, named.find('/')) == secret;
  });
}

// Does `user` need `target` (both of one project)?
bool uses(const model::Object& user, const model::Object& target) {
  if (user.metadata.deleting) return false;
  if (target.kind == model::Kind::volume) return has_disk(user.spec, target.metadata.name);
  if (target.kind == model::Kind::secret) return has_password(user.spec, target.metadata.name);
  return text_at(user.spec, "image") == target.metadata.name;
}

// An object of this kind and the target's project that needs the target.
Result<std::optional<std::string>> find_user(store::Store& store, model::Kind kind,
                                             const model::Object& target) {
  const std::string prefix =
      "/spec/" + std::string(model::info(kind).singular) + "/" + target.metadata.project + "/";
  BRIDLE_TRY(const store::Listing listing, store.list(prefix));
  for (const store::Entry& entry : listing.entries) {
    BRIDLE_TRY(const model::Object user, model::decode_spec(kind, entry.value));
    if (uses(user, target)) return std::optional(model::ref(user));
  }
  return std::optional<std::string>{};
}

// Images of project "shared" may be used by any project; there, the content-addressed parts keep
// what runs alive, and a machine that cannot start any more says why.
Status check_unused(store::Store& store, const model::Object& target) {
  if (target.kind == model::Kind::project) return check_empty(store, target.metadata.name);
  std::vector<model::Kind> kinds;
  if (target.kind == model::Kind::volume || target.kind == model::Kind::secret)
    kinds = {model::Kind::machine};
  if (target.kind == model::Kind::image) kinds = {model::Kind::machine, model::Kind::volume};
  for (const model::Kind kind : kinds) {
    BRIDLE_TRY(const auto user, find_user(store, kind, target));
    if (user)
      return Error(Code::conflict,
                   model::ref(target) + " is used by " + *user + "; delete that first");
  }
  return {};
}

store::Write removal(std::string key, std::optional<Revision> expected) {
  store::Write write;
  write.kind = store::Write::Kind::remove;
  write.key = std::move(key);
  write.expected = expected;
  return write;
}

void mark_deleting(ExchangePtr exchange, Stored stored) {
  stored.object.metadata.deleting = exchange->backend.wall();
  Mutation mutation;
  mutation.act = act_on(*exchange, "delete", stored.object);
  mutation.writes = {put_spec(stored.object, stored.spec_revision)};
  // The daemon may be done before the answer is made: what is gone is no error.
  exchange->backend.mutate(
      std::move(mutation), [exchange, object = stored.object](Result<Revision> done) {
        if (!done.ok()) return exchange->fail(done.error());
        const auto now =
            find_object(exchange->backend.store(), object.kind, exchange->project, exchange->name);
        const bool there = now.ok() && now->has_value();
        exchange->answer(there ? 202 : 200, shown(there ? (*now)->object : object));
      });
}

void remove_now(ExchangePtr exchange, Stored stored) {
  const model::Metadata& metadata = stored.object.metadata;
  const std::string status_key =
      model::status_key(stored.object.kind, metadata.project, metadata.name);
  const auto status = exchange->backend.store().get(status_key);
  if (!status.ok()) return exchange->fail(status.error());
  Mutation mutation;
  mutation.act = act_on(*exchange, "delete", stored.object);
  mutation.writes = {removal(model::spec_key(stored.object.kind, metadata.project, metadata.name),
                             stored.spec_revision)};
  if (status->has_value()) mutation.writes.push_back(removal(status_key, std::nullopt));
  // A project may have been filled, and a volume put to use, since it was looked at.
  mutation.reserve = [exchange, object = stored.object]() -> Result<std::vector<store::Write>> {
    BRIDLE_CHECK(check_unused(exchange->backend.store(), object));
    return std::vector<store::Write>{};
  };
  exchange->backend.mutate(std::move(mutation),
                           [exchange, object = stored.object](Result<Revision> done) {
                             if (!done.ok()) return exchange->fail(done.error());
                             exchange->answer(200, shown(object));
                           });
}

// The events and ended operations of an empty project go before it does, in as many commits as it
// takes: who gets a project of that name later learns nothing of them.
void remove_project(ExchangePtr exchange, Stored stored) {
  store::Store& store = exchange->backend.store();
  const auto keys = history_of(store, stored.object.metadata.name, most_removals);
  if (!keys.ok()) return exchange->fail(keys.error());
  if (keys->empty()) return remove_now(std::move(exchange), std::move(stored));
  Mutation mutation;
  mutation.act = act_on(*exchange, "delete", stored.object);
  for (const std::string& key : *keys) mutation.writes.push_back(removal(key, std::nullopt));
  mutation.reserve = [exchange, object = stored.object]() -> Result<std::vector<store::Write>> {
    BRIDLE_CHECK(check_unused(exchange->backend.store(), object));
    return std::vector<store::Write>{};
  };
  exchange->backend.mutate(std::move(mutation), [exchange, stored](Result<Revision> done) {
    if (!done.ok()) return exchange->fail(done.error());
    remove_project(exchange, stored);
  });
}

Status check_revision(const Exchange& exchange, const Stored& stored) {
  BRIDLE_TRY(const uint64_t seen, exchange.number("resourceVersion", 0, 0, UINT64_MAX));
  if (seen == 0 || seen >= stored.spec_revision) return {};
  return Error(Code::conflict, model::ref(stored.object) + " changed since it was read");
}

}  // namespace

void delete_object(ExchangePtr exchange) {
  store::Store& store = exchange->backend.store();
  const auto dry = exchange->flag("dryRun");
  if (!dry.ok()) return exchange->fail(dry.error());
  auto stored = read_object(store, *exchange->route.kind, exchange->project, exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  if (const auto fresh = check_revision(*exchange, *stored); !fresh.ok())
    return exchange->fail(fresh.error());
  if (const auto given = check_grantable(*exchange, stored->object); !given.ok())
    return exchange->fail(given.error());
  if (stored->object.metadata.deleting) return exchange->answer(202, shown(stored->object));
  if (const auto unused = check_unused(store, stored->object); !unused.ok())
    return exchange->fail(unused.error());
  const bool slow = needs_cleaning(stored->object);
  if (*dry) return exchange->answer(slow ? 202 : 200, shown(stored->object));
  if (slow) return mark_deleting(std::move(exchange), std::move(*stored));
  if (stored->object.kind == model::Kind::project)
    return remove_project(std::move(exchange), std::move(*stored));
  remove_now(std::move(exchange), std::move(*stored));
}

}  // namespace bridle::api
