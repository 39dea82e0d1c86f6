// GET of objects: one, a page of a list, or the whole of a list.
//
// A list walks the keys of its kind in order, only those of projects that the caller sees (so that
// neither its work nor its `continue` tells of others), and shows what the selector takes.
// A page ends at `limit` objects or at page_bytes; its `continue` names the last key it looked at
// ("lab.web"), so a list goes on although objects came and went in between. Its resourceVersion is
// the store's revision when the first page began: a watch from there misses nothing.
//
// limit=0 is the whole list as one answer, streamed: the same walk a piece at a time, others' turns
// between the pieces, so that neither its size nor a slow reader costs more than a piece.
#include <algorithm>

#include "api/api.h"
#include "api/routes.h"
#include "base/log.h"

namespace bridle::api {

namespace {

constexpr size_t page_bytes = 1 << 20;
constexpr size_t piece_bytes = 64 << 10;  // of a whole list
constexpr size_t batch = 64;

struct ListRequest {
  model::Kind kind = model::Kind::machine;
  std::vector<std::string> prefixes;  // ascending
  std::string after;
  Selector selector;
  size_t limit = 0, bytes = page_bytes;
};

struct Page {
  std::string items;  // JSON, joined by commas
  size_t count = 0;
  std::string next;  // token; empty: the end
  Revision revision = 0;
};

std::string token_of(std::string_view key) {
  const auto parts = model::parse_key(key);
  if (!parts) return {};
  return (parts->project.empty() ? "-" : parts->project) + "." + parts->name;
}

Result<std::string> key_of_token(model::Kind kind, std::string_view token) {
  if (token.empty()) return std::string{};
  const size_t dot = token.find('.');
  const std::string_view project = token.substr(0, dot);
  const std::string_view name =
      dot == std::string_view::npos ? std::string_view{} : token.substr(dot + 1);
  std::string key = model::spec_key(kind, project, name);
  if (!model::parse_key(key))
    return Error(Code::invalid, "parameter continue: expected what the page before gave");
  return key;
}

// Where the caller may look. In the order of keys, which is not that of names: "lab-2/" < "lab/".
std::vector<std::string> prefixes_of(const Access& access, const model::KindInfo& kind,
                                     const std::string& project) {
  const std::string all = "/spec/" + std::string(kind.singular) + "/";
  if (!project.empty() && kind.has_project) {
    if (!access.sees(kind.kind, project)) return {};
    return {all + project + "/"};
  }
  const auto seen = access.seen_projects(kind.kind);
  if (!seen) return {all};
  std::vector<std::string> out;
  for (const std::string& each : *seen) {
    if (!model::check_name("project", each).ok()) continue;
    out.push_back(kind.has_project ? all + each + "/" : model::spec_key(kind.kind, {}, each));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<ListRequest> read_request(const Exchange& exchange) {
  ListRequest out;
  out.kind = *exchange.route.kind;
  const model::KindInfo& kind = model::info(out.kind);
  const std::string project =
      exchange.project.empty() ? std::string(exchange.parameter("project")) : exchange.project;
  if (!project.empty() && kind.has_project) BRIDLE_CHECK(model::check_name("project", project));
  out.prefixes = prefixes_of(exchange.access, kind, project);
  BRIDLE_TRY(out.after, key_of_token(out.kind, exchange.parameter("continue")));
  BRIDLE_TRY(out.selector, Selector::parse(exchange.parameter("selector")));
  BRIDLE_TRY(out.limit, exchange.number("limit", 500, 0, 1000));
  return out;
}

bool is_shown(const Exchange& exchange, const store::Entry& entry) {
  const auto parts = model::parse_key(entry.key);
  return parts &&
         exchange.access.sees(parts->kind, boundary(parts->kind, parts->project, parts->name));
}

// The statuses that go with a walk of specs, read in the same order.
class Statuses {
 public:
  // Of keys below `prefix` and behind `after`, both of specs.
  Statuses(store::Store& store, std::string_view prefix, std::string_view after)
      : store_(store), prefix_(status_key_of(prefix)), last_(status_key_of(after)) {}

  // Null: the spec of that key has none. Keys are asked for in ascending order.
  Result<const store::Entry*> of(std::string_view spec_key) {
    const std::string wanted = status_key_of(spec_key);
    while (true) {
      while (at_ < read_.entries.size() && read_.entries[at_].key < wanted) ++at_;
      if (at_ < read_.entries.size())
        return read_.entries[at_].key == wanted ? &read_.entries[at_] : nullptr;
      if (!read_.more) return nullptr;
      BRIDLE_TRY(read_, store_.list(prefix_, last_, batch));
      at_ = 0;
      if (!read_.entries.empty()) last_ = read_.entries.back().key;
    }
  }

 private:
  static std::string status_key_of(std::string_view spec_key) {
    constexpr std::string_view section = "/spec";
    return spec_key.empty() ? "" : "/status" + std::string(spec_key.substr(section.size()));
  }

  store::Store& store_;
  const std::string prefix_;
  std::string last_;
  store::Listing read_{.entries = {}, .revision = 0, .more = true};
  size_t at_ = 0;
};

Result<std::string> text_of(const Exchange& exchange, const ListRequest& request,
                            const store::Entry& entry, Statuses& statuses) {
  // Its status is not what is stored.
  if (request.kind == model::Kind::project) {
    BRIDLE_TRY(Stored stored, read_entry(exchange.backend.store(), entry));
    if (!request.selector.matches(stored.object.metadata)) return std::string();
    return shown_text(std::move(stored.object));
  }
  BRIDLE_TRY(model::Object object, model::decode_spec(request.kind, entry.value));
  if (!request.selector.matches(object.metadata)) return std::string();
  BRIDLE_TRY(const store::Entry* status, statuses.of(entry.key));
  object.metadata.revision = std::max(entry.modified, status == nullptr ? 0 : status->modified);
  return shown_text(std::move(object), status == nullptr ? "" : std::string_view(status->value));
}

Status add(const Exchange& exchange, const ListRequest& request, const store::Entry& entry,
           Statuses& statuses, Page& page) {
  auto text = text_of(exchange, request, entry, statuses);
  if (!text.ok()) return std::move(text).error().context(entry.key);
  if (text->empty()) return {};
  if (page.count++ > 0) page.items += ',';
  page.items += *text;
  return {};
}

// after: the last key that was shown, which alone may become a token. False: the page is full, and
// there is more to show.
Result<bool> add_all(const Exchange& exchange, const ListRequest& request,
                     const std::string& prefix, std::string& after, Page& page) {
  store::Store& store = exchange.backend.store();
  std::string cursor = after;
  Statuses statuses(store, prefix, after);
  for (bool more = true; more;) {
    BRIDLE_TRY(const store::Listing listing, store.list(prefix, cursor, batch));
    more = listing.more;
    for (const store::Entry& entry : listing.entries) {
      cursor = entry.key;
      if (!is_shown(exchange, entry)) continue;
      if (page.count >= request.limit || page.items.size() >= request.bytes) return false;
      BRIDLE_CHECK(add(exchange, request, entry, statuses, page));
      after = entry.key;
    }
  }
  return true;
}

Result<Page> read_page(const Exchange& exchange, const ListRequest& request) {
  Page page;
  page.revision = exchange.backend.store().revision();
  std::string after = request.after;
  for (const std::string& prefix : request.prefixes) {
    BRIDLE_TRY(const bool whole, add_all(exchange, request, prefix, after, page));
    if (whole) continue;
    page.next = token_of(after);
    break;
  }
  return page;
}

std::string list_head(model::Kind kind, Revision revision, const std::string& next) {
  return "{\"apiVersion\":\"" + std::string(model::api_version) + "\",\"kind\":\"" +
         std::string(model::info(kind).name) +
         "List\",\"resourceVersion\":" + std::to_string(revision) + ",\"continue\":\"" + next +
         "\",\"items\":[";
}

// A whole list. Where the store fails in the middle its last chunk is missing, which tells the
// client that it has not everything.
class WholeList final : public EventSource {
 public:
  WholeList(ExchangePtr exchange, ListRequest request)
      : exchange_(std::move(exchange)), request_(std::move(request)) {
    request_.limit = SIZE_MAX;
    request_.bytes = piece_bytes;
    head_ = list_head(request_.kind, exchange_->backend.store().revision(), {});
  }

  std::string pull(size_t) override {
    if (ended_) return {};
    auto page = read_page(*exchange_, request_);
    auto after =
        page.ok() ? key_of_token(request_.kind, page->next) : Result<std::string>(page.error());
    ended_ = !after.ok() || page->next.empty();
    if (!after.ok()) {
      log::error("a list broke off",
                 {{"id", exchange_->request_id}, {"why", after.error().message()}});
      return {};
    }
    request_.after = std::move(*after);
    std::string out = std::exchange(head_, {});
    if (page->count > 0 && std::exchange(begun_, true)) out += ',';
    out += page->items;
    if (ended_) out += "]}";
    return chunk(out) + (ended_ ? chunk({}) : std::string());
  }
  std::string heartbeat() override { return {}; }
  std::string farewell() override { return {}; }
  bool ended() const override { return ended_; }
  bool behind() const override { return !ended_; }

 private:
  const ExchangePtr exchange_;
  ListRequest request_;
  std::string head_;
  bool begun_ = false, ended_ = false;
};

}  // namespace

void list_objects(ExchangePtr exchange) {
  auto request = read_request(*exchange);
  if (!request.ok()) return exchange->fail(request.error());
  if (request->limit == 0)
    return exchange->reply(Answer(EventStream{
        std::make_unique<WholeList>(exchange, std::move(*request)), EventStream::Form::json}));
  const auto page = read_page(*exchange, *request);
  if (!page.ok()) return exchange->fail(page.error());
  Response response;
  response.body = list_head(request->kind, page->revision, page->next) + page->items + "]}";
  exchange->answer(std::move(response));
}

void get_object(ExchangePtr exchange) {
  const model::Kind kind = *exchange->route.kind;
  auto stored =
      exchange->access.sees(kind, boundary(kind, exchange->project, exchange->name))
          ? read_object(exchange->backend.store(), kind, exchange->project, exchange->name)
          : Result<Stored>(
                Error(Code::not_found,
                      model::ref(kind, exchange->project, exchange->name) + " does not exist"));
  if (!stored.ok()) return exchange->fail(stored.error());
  exchange->answer(200, shown(stored->object));
}

}  // namespace bridle::api
