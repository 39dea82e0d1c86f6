// The parts of the route table, one function for each file of handlers.
#pragma once

#include <string_view>
#include <vector>

#include "api/objects.h"
#include "api/route.h"

namespace bridle::api {

std::vector<Route> meta_routes();       // healthz, version, openapi.json
std::vector<Route> object_routes();     // list, get, apply, delete of every kind
std::vector<Route> machine_routes();    // actions of machines
std::vector<Route> operation_routes();  // image builds; cancelling
std::vector<Route> console_routes();
std::vector<Route> display_routes();  // vnc, screen
std::vector<Route> upload_routes();   // of images
std::vector<Route> export_routes();   // of volumes
std::vector<Route> agent_routes();
std::vector<Route> watch_routes();
std::vector<Route> ledger_routes();
std::vector<Route> host_routes();    // doctor, usage
std::vector<Route> metric_routes();  // Prometheus
std::vector<Route> access_routes();  // whoami, can-i
std::vector<Route> auth_routes();    // tokens, certificates

// The handlers that the table of objects names.
void list_objects(ExchangePtr exchange);
void get_object(ExchangePtr exchange);
void apply_object(ExchangePtr exchange);
void delete_object(ExchangePtr exchange);

// May the caller write or delete this Binding, which is stored? Other kinds: yes.
Status check_grantable(const Exchange& exchange, const model::Object& object);

// Makes an Operation that does `verb` to the target and answers 202 with it; with an
// Idempotency-Key, the operation that the same caller made with it before.
void create_operation(ExchangePtr exchange, std::string_view verb, const model::Object& target);
// The write that makes one, for mutations that need it beside others.
Result<model::Object> new_operation(const Exchange& exchange, std::string_view verb,
                                    const model::Object& target);

// Whether the caller asks for a raw stream; if not, it is answered here: 426.
bool upgrade_asked(Exchange& exchange, std::string_view what);

// The body as JSON. Code::invalid: not JSON, nested deeper than 32, or announced as something else.
// An empty body is an empty object.
Result<json::value> body_json(const Request& request);

}  // namespace bridle::api
