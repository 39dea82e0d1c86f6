// GET …/volumes/{name}/export: what a volume holds, as a raw stream after an upgrade. The other end
// speaks as image/export.h says. Who reads the console of a guest may read its disks; both are in
// the ledger.
#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

void open_export(ExchangePtr exchange) {
  if (!upgrade_asked(*exchange, "an export")) return;
  const std::string to = std::string(exchange->parameter("to"));
  if (!to.empty() && to != "qcow2" && to != "raw" && to != "vmdk")
    return exchange->fail(Error(Code::invalid, "to: expected qcow2, raw or vmdk"));
  const auto stored = read_object(exchange->backend.store(), model::Kind::volume, exchange->project,
                                  exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  exchange->backend.open_export(act_on(*exchange, "export", stored->object), stored->object,
                                to.empty() ? "qcow2" : to, [exchange](Result<Fd> opened) {
                                  if (!opened.ok()) return exchange->fail(opened.error());
                                  exchange->reply(Answer(Tunnel{std::move(*opened)}));
                                });
}

}  // namespace

std::vector<Route> export_routes() {
  Route route;
  route.method = "GET";
  route.pattern = "/api/v1/projects/{project}/volumes/{name}/export";
  route.right = Right::console;
  route.scope = Scope::project;
  route.handler = open_export;
  route.id = "exportVolume";
  route.summary = "What a volume holds that no guest has open, after an upgrade to bridle-stream";
  route.kind = model::Kind::volume;
  route.parameters = {{"to", "query", "string", "qcow2 (else), raw or vmdk."}};
  route.statuses = {101};
  return {route};
}

}  // namespace bridle::api
