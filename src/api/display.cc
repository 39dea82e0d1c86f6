// The screen of a machine: GET …/machines/{name}/vnc, an RFB connection after an upgrade, and
// GET …/machines/{name}/screen, a picture. Who may use the console may see the screen.
#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

Result<model::Object> machine_of(Exchange& exchange) {
  BRIDLE_TRY(auto stored, read_object(exchange.backend.store(), model::Kind::machine,
                                      exchange.project, exchange.name));
  return std::move(stored.object);
}

void open_vnc(ExchangePtr exchange) {
  if (!upgrade_asked(*exchange, "the screen")) return;
  const auto machine = machine_of(*exchange);
  if (!machine.ok()) return exchange->fail(machine.error());
  exchange->backend.open_display(act_on(*exchange, "vnc", *machine), *machine,
                                 [exchange](Result<Fd> opened) {
                                   if (!opened.ok()) return exchange->fail(opened.error());
                                   exchange->reply(Answer(Tunnel{std::move(*opened)}));
                                 });
}

void show_screen(ExchangePtr exchange) {
  const auto machine = machine_of(*exchange);
  if (!machine.ok()) return exchange->fail(machine.error());
  exchange->backend.take_screen(act_on(*exchange, "screen", *machine), *machine,
                                [exchange](Result<std::string> picture) {
                                  if (!picture.ok()) return exchange->fail(picture.error());
                                  Response response;
                                  response.content_type = "image/png";
                                  response.headers.emplace_back("Cache-Control", "no-store");
                                  response.body = std::move(*picture);
                                  exchange->answer(std::move(response));
                                });
}

Route display_route(std::string_view last, Handler handler, std::string_view id,
                    std::string_view summary) {
  Route route;
  route.method = "GET";
  route.pattern = "/api/v1/projects/{project}/machines/{name}/" + std::string(last);
  route.right = Right::console;
  route.scope = Scope::project;
  route.handler = handler;
  route.id = id;
  route.summary = summary;
  route.kind = model::Kind::machine;
  route.looks_inside = true;
  return route;
}

}  // namespace

std::vector<Route> display_routes() {
  Route vnc = display_route("vnc", open_vnc, "openDisplay",
                            "The machine's screen, keyboard and mouse by RFB (VNC), after an "
                            "upgrade to bridle-stream");
  vnc.statuses = {101};
  Route screen =
      display_route("screen", show_screen, "showScreen", "What the machine's screen shows, as PNG");
  screen.answer_schema = "Picture";
  return {vnc, screen};
}

}  // namespace bridle::api
