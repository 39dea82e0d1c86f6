// Operations: what is not a state (reset, build). Stored before they begin; the controller carries
// them out and writes their status; cancel sets spec.cancel.
//
// With an Idempotency-Key the operation's name comes from the caller and the key, so that a second
// request finds the first one's operation also after a crash, as long as the controller keeps it.
#include "api/api.h"
#include "api/routes.h"
#include "api/tenancy.h"
#include "base/hash.h"
#include "model/schema.h"

namespace bridle::api {

namespace {

constexpr size_t max_key = 128;

Result<std::string> read_key(const Exchange& exchange) {
  const std::string_view key = exchange.request.header("idempotency-key");
  if (key.size() > max_key)
    return Error(Code::invalid, "Idempotency-Key: expected at most 128 characters");
  for (const char c : key)
    if (c <= ' ' || c > '~')
      return Error(Code::invalid, "Idempotency-Key: expected printable ASCII without blanks");
  return std::string(key);
}

std::string operation_name(const Exchange& exchange, const std::string& key) {
  if (!key.empty()) {
    const std::string whole = who(exchange.caller) + "\n" + key;
    return "op-" + hex(sha256(whole)).substr(0, 20);
  }
  const Uuid uuid = exchange.backend.new_uuid();
  return "op-" + hex(uuid.bytes.data(), uuid.bytes.size()).substr(0, 20);
}

bool same_work(const model::Object& a, const model::Object& b) {
  const auto field = [](const model::Object& object, std::string_view key) {
    const json::value* value = object.spec.if_contains(key);
    return value == nullptr ? json::value() : *value;
  };
  return field(a, "verb") == field(b, "verb") && field(a, "target") == field(b, "target");
}

void answer_existing(ExchangePtr exchange, const model::Object& existing,
                     const model::Object& wanted) {
  if (!same_work(existing, wanted))
    return exchange->fail(
        Error(Code::conflict, "Idempotency-Key: was used for another operation, " +
                                  model::ref(existing) + "; choose a new one"));
  exchange->answer(202, shown(existing));
}

void submit(ExchangePtr exchange, Act act, model::Object operation) {
  Mutation mutation;
  mutation.act = std::move(act);
  mutation.writes = {put_spec(operation, 0)};
  mutation.reserve = [exchange, operation] {
    return reserve_quota(exchange->backend.store(), operation, nullptr);
  };
  exchange->backend.mutate(std::move(mutation), [exchange, operation](Result<Revision> done) {
    const model::Metadata& metadata = operation.metadata;
    const bool raced = !done.ok() && done.error().code() == Code::conflict;
    if (!done.ok() && !raced) return exchange->fail(done.error());
    const auto stored = read_object(exchange->backend.store(), model::Kind::operation,
                                    metadata.project, metadata.name);
    if (!stored.ok()) return exchange->fail(raced ? done.error() : stored.error());
    answer_existing(exchange, stored->object, operation);
  });
}

// How it ended: "succeeded", "failed", "cancelled"; empty: it has not.
std::string_view end_of(const model::Object& operation) {
  const json::value* phase = operation.status.if_contains("phase");
  if (phase == nullptr || !phase->is_string()) return {};
  const std::string_view word = phase->get_string();
  return word == "pending" || word == "running" ? std::string_view{} : word;
}

void cancel_operation(ExchangePtr exchange) {
  auto stored = read_object(exchange->backend.store(), model::Kind::operation, exchange->project,
                            exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  model::Object& operation = stored->object;
  if (const std::string_view end = end_of(operation); !end.empty())
    return exchange->fail(
        Error(Code::conflict, model::ref(operation) + " has already ended: " + std::string(end)));
  const json::value* cancel = operation.spec.if_contains("cancel");
  if (cancel != nullptr && cancel->is_bool() && cancel->get_bool())
    return exchange->answer(202, shown(operation));
  operation.spec["cancel"] = true;
  ++operation.metadata.generation;
  Mutation mutation;
  mutation.act = act_on(*exchange, "cancel", operation);
  mutation.writes = {put_spec(operation, stored->spec_revision)};
  const std::string project = exchange->project, name = exchange->name;
  mutate_and_answer(std::move(exchange), std::move(mutation), model::Kind::operation, project, name,
                    202);
}

void build_image(ExchangePtr exchange) {
  const auto stored =
      read_object(exchange->backend.store(), model::Kind::image, exchange->project, exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  if (stored->object.metadata.deleting)
    return exchange->fail(Error(Code::conflict, model::ref(stored->object) + " is being deleted"));
  create_operation(exchange, "build", stored->object);
}

}  // namespace

Result<model::Object> new_operation(const Exchange& exchange, std::string_view verb,
                                    const model::Object& target) {
  BRIDLE_TRY(const std::string key, read_key(exchange));
  model::Object operation;
  operation.kind = model::Kind::operation;
  operation.metadata.name = operation_name(exchange, key);
  operation.metadata.project = target.metadata.project;
  operation.metadata.uid = exchange.backend.new_uuid();
  operation.metadata.owner = target.metadata.owner;
  operation.metadata.generation = 1;
  operation.metadata.created = exchange.backend.wall();
  json::object spec = {
      {"verb", verb},
      {"target",
       {{"kind", model::info(target.kind).singular},
        {"project", target.metadata.project},
        {"name", target.metadata.name},
        {"uid", target.metadata.uid.text()}}},
      {"requestedBy", exchange.access.actor(exchange.route.right, target.metadata.project)}};
  if (!key.empty()) spec["idempotencyKey"] = key;
  BRIDLE_TRY(operation.spec, model::normal_spec(model::Kind::operation, spec));
  return operation;
}

void create_operation(ExchangePtr exchange, std::string_view verb, const model::Object& target) {
  auto operation = new_operation(*exchange, verb, target);
  if (!operation.ok()) return exchange->fail(operation.error());
  const auto existing = find_object(exchange->backend.store(), model::Kind::operation,
                                    operation->metadata.project, operation->metadata.name);
  if (!existing.ok()) return exchange->fail(existing.error());
  if (existing->has_value()) return answer_existing(exchange, (*existing)->object, *operation);
  submit(exchange, act_on(*exchange, verb, target), std::move(*operation));
}

std::vector<Route> operation_routes() {
  const Parameter key = {"Idempotency-Key", "header", "string",
                         "The same key of the same caller gives the same operation."};
  Route build;
  build.method = "POST";
  build.pattern = "/api/v1/projects/{project}/images/{name}/actions/build";
  build.right = Right::build;
  build.scope = Scope::project;
  build.handler = build_image;
  build.id = "buildImage";
  build.summary = "Builds the image by its recipe";
  build.kind = model::Kind::image;
  build.body_limit = 4096;
  build.parameters = {key};
  build.answer_schema = "Operation";
  build.statuses = {202};
  Route cancel;
  cancel.method = "POST";
  cancel.pattern = "/api/v1/projects/{project}/operations/{name}/actions/cancel";
  cancel.right = Right::act;
  cancel.scope = Scope::project;
  cancel.handler = cancel_operation;
  cancel.id = "cancelOperation";
  cancel.summary = "Asks for an end of the operation; what it did so far is undone where it can be";
  cancel.kind = model::Kind::operation;
  cancel.body_limit = 4096;
  cancel.answer_schema = "Operation";
  cancel.statuses = {202};
  return {build, cancel};
}

}  // namespace bridle::api
