// GET …/machines/{name}/console with `Upgrade: bridle-stream`: raw bytes both ways.
#include <algorithm>

#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

constexpr uint32_t most_scrollback = 256 << 10;  // what the attendant keeps

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

void open_console(ExchangePtr exchange) {
  if (!upgrade_asked(*exchange, "the console")) return;
  const auto scrollback = exchange->number("scrollback", 4096, 0, most_scrollback);
  if (!scrollback.ok()) return exchange->fail(scrollback.error());
  const auto stored = read_object(exchange->backend.store(), model::Kind::machine,
                                  exchange->project, exchange->name);
  if (!stored.ok()) return exchange->fail(stored.error());
  exchange->backend.open_console(act_on(*exchange, "console", stored->object), stored->object,
                                 static_cast<uint32_t>(*scrollback), [exchange](Result<Fd> opened) {
                                   if (!opened.ok()) return exchange->fail(opened.error());
                                   exchange->reply(Answer(Tunnel{std::move(*opened)}));
                                 });
}

bool asks_for_upgrade(const Request& request) {
  return lower(request.header("connection")).find("upgrade") != std::string::npos &&
         lower(request.header("upgrade")) == "bridle-stream";
}

}  // namespace

bool upgrade_asked(Exchange& exchange, std::string_view what) {
  if (asks_for_upgrade(exchange.request)) return true;
  Response response = error_response(426, "invalid",
                                     std::string(what) +
                                         " is a raw stream: send Connection: Upgrade and Upgrade: "
                                         "bridle-stream",
                                     exchange.request_id);
  response.headers.emplace_back("Upgrade", "bridle-stream");
  exchange.answer(std::move(response));
  return false;
}

std::vector<Route> console_routes() {
  Route route;
  route.method = "GET";
  route.pattern = "/api/v1/projects/{project}/machines/{name}/console";
  route.right = Right::console;
  route.scope = Scope::project;
  route.handler = open_console;
  route.id = "openConsole";
  route.summary = "The machine's serial console, after an upgrade to bridle-stream";
  route.kind = model::Kind::machine;
  route.looks_inside = true;
  route.parameters = {
      {"scrollback", "query", "integer", "Bytes of what came before, 0 to 262144; else 4096."}};
  route.statuses = {101};
  return {route};
}

}  // namespace bridle::api
