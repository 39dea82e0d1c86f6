#include "api/watch.h"

#include <algorithm>

#include "api/routes.h"
#include "base/log.h"
#include "model/violation.h"

namespace bridle::api {

namespace {

constexpr size_t batch = 64;
constexpr int batches_a_pull = 16;  // then others have their turn

std::string event_text(std::string_view event, std::string_view data) {
  std::string out = "event: ";
  return out.append(event).append("\ndata: ").append(data).append("\n");
}

std::string id_line(Revision revision) { return "id: " + std::to_string(revision) + "\n"; }

json::object gone_object(const model::KeyParts& key) {
  json::object metadata = {{"name", key.name}};
  if (!key.project.empty()) metadata["project"] = key.project;
  return {{"apiVersion", model::api_version},
          {"kind", model::info(key.kind).name},
          {"metadata", std::move(metadata)}};
}

}  // namespace

Watcher::Watcher(Api& api, Caller caller, WatchFilter filter, Revision since)
    : api_(api),
      caller_(std::move(caller)),
      filter_(std::move(filter)),
      cursor_(since),
      told_(since) {}

// Changes after the cursor, cut between revisions and never within one.
Result<WatchCache::Changes> Watcher::whole_revisions() {
  store::Store& store = api_.backend().store();
  for (size_t limit = batch;; limit *= 2) {
    BRIDLE_TRY(WatchCache::Changes changes, api_.watch_cache().changes(store, cursor_, limit));
    if (changes->size() < limit) return changes;
    const Revision last = changes->back().revision;
    if (changes->front().revision == last) continue;  // one large transaction: take all of it
    std::vector<store::Change> whole = *changes;
    std::erase_if(whole, [&](const store::Change& change) { return change.revision == last; });
    return std::make_shared<const std::vector<store::Change>>(std::move(whole));
  }
}

bool Watcher::wants(const model::KeyParts& key, const Access& access) const {
  if (!filter_.kinds.empty() && !filter_.kinds.contains(key.kind)) return false;
  if (!filter_.project.empty() && filter_.project != key.project) return false;
  if (!filter_.name.empty() && filter_.name != key.name) return false;
  return access.sees(key.kind, boundary(key.kind, key.project, key.name));
}

std::vector<Watcher::Touched> Watcher::concerning(const std::vector<store::Change>& changes,
                                                  const Access& access) const {
  std::map<std::string, Touched> latest;
  for (const store::Change& change : changes) {
    const auto key = model::parse_key(change.key);
    if (!key || !wants(*key, access)) continue;
    Touched& touched = latest[model::ref(key->kind, key->project, key->name)];
    touched.key = *key;
    touched.revision = change.revision;
    if (!key->is_status) touched.removed = !change.value.has_value();
  }
  std::vector<Touched> out;
  for (auto& [ref, touched] : latest) out.push_back(std::move(touched));
  std::stable_sort(out.begin(), out.end(),
                   [](const Touched& a, const Touched& b) { return a.revision < b.revision; });
  return out;
}

Result<std::string> Watcher::event_of(const Touched& touched) {
  const model::KeyParts& key = touched.key;
  BRIDLE_TRY(const auto seen, api_.watch_cache().object(api_.backend().store(), key));
  if (!seen)
    return touched.removed ? event_text("delete", json::serialize(gone_object(key)))
                           : std::string{};
  if (!filter_.selector.matches(seen->metadata.labels)) return std::string{};
  return event_text("put", seen->text);
}

std::string Watcher::end(std::string_view event, const json::object& data) {
  ended_ = true;
  return event_text(event, json::serialize(data)) + "\n";
}

std::string Watcher::end_gone() {
  return end("gone", {{"oldest", api_.backend().store().oldest()}});
}

bool Watcher::behind() const { return !ended_ && cursor_ < api_.backend().store().revision(); }

std::string Watcher::pull(size_t room) {
  std::string out;
  for (int turn = 0; turn < batches_a_pull && out.size() < room && behind(); ++turn) {
    const auto access = api_.access(caller_);
    if (!access.ok() || access->nobody()) return out + end("resume", {});
    const auto changes = whole_revisions();
    if (!changes.ok() && changes.error().code() == Code::gone) return out + end_gone();
    if (!changes.ok()) {
      log::warning("a watch cannot read the store", {{"error", changes.error().message()}});
      return out + end("resume", {});
    }
    if ((*changes)->empty()) break;
    const std::vector<Touched> touched = concerning(**changes, *access);
    for (size_t i = 0; i < touched.size(); ++i) {
      const auto event = event_of(touched[i]);
      if (!event.ok()) return out + end("resume", {});
      if (event->empty()) continue;
      const bool last_of_revision =
          i + 1 == touched.size() || touched[i + 1].revision != touched[i].revision;
      if (last_of_revision) out += id_line(told_ = touched[i].revision);
      out.append(*event).append("\n");
    }
    cursor_ = (*changes)->back().revision;
  }
  return out;
}

std::string Watcher::heartbeat() {
  if (cursor_ == told_) return ": heartbeat\n\n";
  told_ = cursor_;
  return id_line(told_) + event_text("bookmark", "{}") + "\n";
}

std::string Watcher::farewell() {
  if (ended_) return {};
  return id_line(cursor_) + end("resume", {});
}

namespace {

Result<std::set<model::Kind>> read_kinds(std::string_view text) {
  std::set<model::Kind> out;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const model::KindInfo* kind = model::find_kind(word);
    if (kind == nullptr)
      return Error(Code::invalid, "parameter kinds: there is no kind " + model::quoted(word));
    out.insert(kind->kind);
  }
  return out;
}

Result<WatchFilter> read_filter(const Exchange& exchange) {
  WatchFilter filter;
  BRIDLE_TRY(filter.kinds, read_kinds(exchange.parameter("kinds")));
  filter.project = exchange.parameter("project");
  filter.name = exchange.parameter("name");
  BRIDLE_TRY(filter.selector, Selector::parse(exchange.parameter("selector")));
  return filter;
}

// Last-Event-ID is what a client that comes back sends: it knows better than its URL.
Result<Revision> read_since(Exchange& exchange) {
  const Revision now = exchange.backend.store().revision();
  if (const auto last = exchange.request.header("last-event-id"); !last.empty())
    exchange.query["since"] = last;
  BRIDLE_TRY(const uint64_t since, exchange.number("since", now, 0, UINT64_MAX));
  if (since > now)
    return Error(Code::invalid, "since: revision " + std::to_string(since) +
                                    " has not come yet; the store is at " + std::to_string(now));
  return since;
}

Response gone_response(const Exchange& exchange, Revision since, Revision oldest) {
  const std::string message = "revision " + std::to_string(since) +
                              " is not kept any more; list again, or watch since " +
                              std::to_string(oldest) + " or later";
  Response response = error_response(410, "gone", message, exchange.request_id);
  json::value body = json::parse(response.body);
  body.at("error").as_object()["oldest"] = oldest;
  response.body = json::serialize(body);
  return response;
}

void watch(ExchangePtr exchange) {
  auto filter = read_filter(*exchange);
  if (!filter.ok()) return exchange->fail(filter.error());
  const auto since = read_since(*exchange);
  if (!since.ok()) return exchange->fail(since.error());
  const Revision oldest = exchange->backend.store().oldest();
  if (*since < oldest) return exchange->answer(gone_response(*exchange, *since, oldest));
  exchange->reply(Answer(EventStream{
      std::make_unique<Watcher>(exchange->api, exchange->caller, std::move(*filter), *since)}));
}

}  // namespace

std::vector<Route> watch_routes() {
  Route route;
  route.method = "GET";
  route.pattern = "/api/v1/watch";
  route.right = Right::read;
  route.scope = Scope::filtered;
  route.handler = watch;
  route.id = "watch";
  route.summary = "Changes of the objects that the caller may see, as server-sent events";
  route.parameters = {
      {"kinds", "query", "string", "Only these, with commas between: machines,events."},
      {"project", "query", "string", "Only of this project."},
      {"name", "query", "string", "Only objects of this name."},
      {"selector", "query", "string", "Labels: k=v,k2!=v2,k3; deletions come anyway."},
      {"since", "query", "integer", "Changes after this revision; if not given, from now on."},
      {"Last-Event-ID", "header", "integer", "As since, and stronger."}};
  route.answer_schema = "EventStream";
  return {route};
}

}  // namespace bridle::api
