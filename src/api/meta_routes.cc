// About the API itself: is it there, which version, what can it do.
#include "api/api.h"
#include "api/openapi.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

void show_health(ExchangePtr exchange) { exchange->answer(200, {{"status", "ok"}}); }

void show_version(ExchangePtr exchange) {
  json::object body = exchange->backend.version();
  body["name"] = "bridled";
  body["version"] = BRIDLE_VERSION;
  body["api"] = model::api_version;
  exchange->answer(200, body);
}

// Made anew each time: it is asked for seldom, and would be the daemon's largest constant.
void show_openapi(ExchangePtr exchange) {
  exchange->answer(200, openapi_document(exchange->api.router().routes()));
}

}  // namespace

std::vector<Route> meta_routes() {
  const Route health =
      get_route({Right::open, Scope::nowhere}, "/healthz", show_health, "getHealth",
                "The daemon answers; open to everyone who may connect", "Health");
  return {health,
          get_route({Right::read, Scope::filtered}, "/version", show_version, "getVersion",
                    "Versions of the daemon and its engine", "Version"),
          get_route({Right::read, Scope::filtered}, "/openapi.json", show_openapi, "getOpenApi",
                    "This document", "")};
}

}  // namespace bridle::api
