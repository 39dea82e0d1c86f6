// GET …/images/{name}/upload: the file of an import, as a raw stream after an upgrade. The other
// end speaks as image/import_steps.h says. Bodies have limits; this has none but the stream's own:
// the session holds 16 KiB of it, and the reader's pace is the sender's.
#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

void open_upload(ExchangePtr exchange) {
  if (!upgrade_asked(*exchange, "an upload")) return;
  const auto stored =
      read_object(exchange->backend.store(), model::Kind::image, exchange->project, exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  exchange->backend.open_upload(act_on(*exchange, "upload", stored->object), stored->object,
                                [exchange](Result<Fd> opened) {
                                  if (!opened.ok()) return exchange->fail(opened.error());
                                  exchange->reply(Answer(Tunnel{std::move(*opened)}));
                                });
}

}  // namespace

std::vector<Route> upload_routes() {
  Route route;
  route.method = "GET";
  route.pattern = "/api/v1/projects/{project}/images/{name}/upload";
  route.right = Right::build;
  route.scope = Scope::project;
  route.handler = open_upload;
  route.id = "uploadImage";
  route.summary = "Takes the file that an import waits for, after an upgrade to bridle-stream";
  route.kind = model::Kind::image;
  route.statuses = {101};
  return {route};
}

}  // namespace bridle::api
