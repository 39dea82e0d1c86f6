#include "api/routes.h"

#include "api/api.h"
#include "model/json_text.h"

namespace bridle::api {

std::vector<Route> all_routes() {
  std::vector<Route> all;
  for (const auto part :
       {meta_routes, object_routes, machine_routes, operation_routes, console_routes,
        display_routes, upload_routes, export_routes, agent_routes, watch_routes, ledger_routes,
        host_routes, metric_routes, access_routes, auth_routes})
    for (Route& route : part()) all.push_back(std::move(route));
  return all;
}

Result<json::value> body_json(const Request& request) {
  const std::string_view type = request.header("content-type");
  if (!type.empty() && !type.starts_with("application/json"))
    return Error(Code::invalid, "Content-Type: send JSON as application/json");
  if (request.body.empty()) return json::value(json::object());
  return model::parse_json(request.body).context("the body is not acceptable JSON");
}

}  // namespace bridle::api
