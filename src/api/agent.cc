// POST …/machines/{name}/agent: one request to the agent inside the guest, and its reply.
#include "machine/agent.h"

#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

void call_agent(ExchangePtr exchange) {
  auto body = body_json(exchange->request);
  if (!body.ok()) return exchange->fail(body.error());
  if (!body->is_object())
    return exchange->fail(Error(Code::invalid,
                                "the body: expected an object such as {\"do\": "
                                "\"ping\"}"));
  if (const auto checked = machine::agent_request(*body); !checked.ok())
    return exchange->fail(checked.error());
  const auto stored = read_object(exchange->backend.store(), model::Kind::machine,
                                  exchange->project, exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  exchange->backend.call_agent(act_on(*exchange, "agent", stored->object), stored->object,
                               std::move(body->get_object()),
                               [exchange](Result<json::object> reply) {
                                 if (!reply.ok()) return exchange->fail(reply.error());
                                 exchange->answer(200, *reply);
                               });
}

}  // namespace

std::vector<Route> agent_routes() {
  Route route;
  route.method = "POST";
  route.pattern = "/api/v1/projects/{project}/machines/{name}/agent";
  route.right = Right::agent;
  route.scope = Scope::project;
  route.handler = call_agent;
  route.id = "callAgent";
  route.summary = "Asks the agent inside the guest";
  route.kind = model::Kind::machine;
  route.looks_inside = true;
  route.body_limit = 64 << 10;
  route.body_schema = "AgentRequest";
  return {route};
}

}  // namespace bridle::api
