// POST …/machines/{name}/actions/{start|stop|pause|resume|reset}: machine/action.h says what each
// writes and in which phases it is legal.
//
// A wish writes spec.power. A wish that is already written changes nothing, but for two cases:
//   - start of a machine whose guest ended (it failed, or powered itself off): metadata.generation
//     rises, which tells the controller that the wish is a new one;
//   - stop with {"force": true}: the same commit makes an Operation "stop", which ends the
//     grace that the guest has after the power button.
#include "api/api.h"
#include "api/routes.h"
#include "machine/action.h"
#include "model/machine.h"

namespace bridle::api {

namespace {

using machine::ActionInfo;

struct Wish {
  const ActionInfo* action = nullptr;
  bool force = false;
};

Result<Wish> read_wish(const Exchange& exchange) {
  const std::string& path = exchange.request.path;
  Wish wish;
  wish.action = machine::find_action(path.substr(path.rfind('/') + 1));
  if (wish.action == nullptr) return Error(Code::not_found, "there is no such action");
  BRIDLE_TRY(const json::value body, body_json(exchange.request));
  if (!body.is_object()) return Error(Code::invalid, "the body: expected an object");
  for (const auto& [key, value] : body.get_object()) {
    if (key != "force" || wish.action->action != machine::Action::stop)
      return Error(Code::invalid, "the body: unknown key \"" + std::string(key) + "\"");
    if (!value.is_bool()) return Error(Code::invalid, "force: expected true or false");
    wish.force = value.get_bool();
  }
  return wish;
}

bool is_up(model::Phase phase) {
  return phase == model::Phase::starting || phase == model::Phase::running ||
         phase == model::Phase::paused;
}

// What the wish makes of the machine. Empty: it is so already.
Result<std::optional<model::Object>> wished(const Exchange& exchange, const Wish& wish,
                                            const model::Object& current) {
  BRIDLE_TRY(const model::MachineStatus status, model::machine_status(current.status));
  BRIDLE_CHECK(machine::check(wish.action->action, status.phase));
  BRIDLE_TRY(const model::MachineSpec spec, model::machine_spec(current.spec));
  const bool again = wish.action->action == machine::Action::start && !is_up(status.phase);
  if (spec.power == *wish.action->power && !again) return std::optional<model::Object>{};
  model::Object next = current;
  next.spec["power"] = model::name(*wish.action->power);
  ++next.metadata.generation;
  BRIDLE_CHECK(exchange.backend.admit(next, &current));
  return std::optional<model::Object>(std::move(next));
}

Result<Mutation> plan(const Exchange& exchange, const Wish& wish, const Stored& stored) {
  Mutation mutation;
  mutation.act = act_on(exchange, wish.action->name, stored.object);
  BRIDLE_TRY(const auto next, wished(exchange, wish, stored.object));
  if (next) mutation.writes.push_back(put_spec(*next, stored.spec_revision));
  if (wish.force) {
    BRIDLE_TRY(const auto operation, new_operation(exchange, "stop", stored.object));
    const model::Metadata& made = operation.metadata;
    // With the same Idempotency-Key it is there already.
    BRIDLE_TRY(const auto existing,
               find_object(exchange.backend.store(), operation.kind, made.project, made.name));
    if (!existing) mutation.writes.push_back(put_spec(operation, 0));
  }
  return mutation;
}

// The caller named no revision, so a race with another writer is tried again.
void write_wish(ExchangePtr exchange, Wish wish, int tries_left) {
  auto stored = read_object(exchange->backend.store(), model::Kind::machine, exchange->project,
                            exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  if (stored->object.metadata.deleting)
    return exchange->fail(Error(Code::conflict, model::ref(stored->object) + " is being deleted"));
  if (wish.action->is_operation)
    return create_operation(exchange, wish.action->name, stored->object);
  auto mutation = plan(*exchange, wish, *stored);
  if (!mutation.ok()) return exchange->fail(mutation.error());
  if (mutation->writes.empty()) return exchange->answer(200, shown(stored->object));
  exchange->backend.mutate(
      std::move(*mutation), [exchange, wish, tries_left](Result<Revision> done) {
        if (!done.ok() && done.error().code() == Code::conflict && tries_left > 0)
          return write_wish(exchange, wish, tries_left - 1);
        if (!done.ok()) return exchange->fail(done.error());
        const auto now = read_object(exchange->backend.store(), model::Kind::machine,
                                     exchange->project, exchange->name);
        if (!now.ok()) return exchange->fail(now.error());
        exchange->answer(200, shown(now->object));
      });
}

void act_on_machine(ExchangePtr exchange) {
  const auto wish = read_wish(*exchange);
  if (!wish.ok()) return exchange->fail(wish.error());
  // Legality of an operation is the phase's as well; create_operation does not know of phases.
  if (wish->action->is_operation) {
    const auto stored = read_object(exchange->backend.store(), model::Kind::machine,
                                    exchange->project, exchange->name);
    if (!stored.ok()) return exchange->fail(stored.error());
    const auto status = model::machine_status(stored->object.status);
    if (!status.ok()) return exchange->fail(status.error());
    if (const auto legal = machine::check(wish->action->action, status->phase); !legal.ok())
      return exchange->fail(legal.error());
  }
  write_wish(std::move(exchange), *wish, 3);
}

std::string capitalized(std::string_view word) {
  std::string out(word);
  out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

Route action_route(const ActionInfo& action) {
  Route route;
  route.method = "POST";
  route.pattern = "/api/v1/projects/{project}/machines/{name}/actions/" + std::string(action.name);
  route.right = Right::act;
  route.scope = Scope::project;
  route.handler = act_on_machine;
  route.id = std::string(action.name) + "Machine";
  route.summary = capitalized(action.name) + "s the machine";
  route.kind = model::Kind::machine;
  route.body_limit = 4096;
  route.answer_schema = action.is_operation ? "Operation" : "Machine";
  route.statuses = {action.is_operation ? 202 : 200};
  if (action.is_operation)
    route.parameters = {{"Idempotency-Key", "header", "string",
                         "The same key of the same caller gives the same operation."}};
  if (action.action == machine::Action::stop) route.body_schema = "StopRequest";
  return route;
}

}  // namespace

std::vector<Route> machine_routes() {
  std::vector<Route> routes;
  for (const ActionInfo& action : machine::all_actions())
    if (action.is_operation || action.power) {
      if (action.action == machine::Action::define || action.action == machine::Action::remove)
        continue;  // PUT and DELETE
      routes.push_back(action_route(action));
    }
  return routes;
}

}  // namespace bridle::api
