// The ledger, read only: its entries and the key that signs them.
#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

void list_ledger(ExchangePtr exchange) {
  const auto after = exchange->number("after", 0, 0, UINT64_MAX);
  if (!after.ok()) return exchange->fail(after.error());
  const auto limit = exchange->number("limit", 100, 1, 1000);
  if (!limit.ok()) return exchange->fail(limit.error());
  auto page = exchange->backend.ledger(*after, *limit);
  if (!page.ok()) return exchange->fail(page.error());
  json::object body;
  body["last"] = page->last;
  body["more"] = page->more;
  body["entries"] = std::move(page->entries);
  exchange->answer(200, body);
}

void get_ledger_key(ExchangePtr exchange) {
  auto key = exchange->backend.ledger_key();
  if (!key.ok()) return exchange->fail(key.error());
  exchange->answer(200, {{"algorithm", "Ed25519"}, {"pem", std::move(*key)}});
}

}  // namespace

std::vector<Route> ledger_routes() {
  Route list = get_route({Right::audit, Scope::host}, "/api/v1/ledger", list_ledger, "listLedger",
                         "Entries of the ledger, oldest first", "LedgerPage");
  list.parameters = {
      {"after", "query", "integer", "Only entries with a greater sequence number."},
      {"limit", "query", "integer", "At most so many, 1 to 1000; 100 if not given."}};
  return {list, get_route({Right::audit, Scope::host}, "/api/v1/ledger/key", get_ledger_key,
                          "getLedgerKey", "The public key that verifies the ledger", "LedgerKey")};
}

}  // namespace bridle::api
