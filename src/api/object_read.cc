// GET of objects: one, a page of a list, or the whole of a list.
//
// A list walks the keys of its kind in order, only those of projects that the caller sees (so that
// neither its work nor its `continue` tells of others), and shows what the selector takes. The
// objects come as text from the shelf (shelf.h), which is as new as the store.
// A page ends at `limit` objects or at page_bytes; its `continue` names the last key it looked at
// ("lab.web"), so a list goes on although objects came and went in between. Its resourceVersion is
// the store's revision when the first page began: a watch from there misses nothing.
//
// limit=0 is the whole list as one answer, streamed: the same walk a piece at a time, others' turns
// between the pieces, so that neither its size nor a slow reader costs more than a piece.
#include <algorithm>
#include <map>
#include <set>

#include "api/api.h"
#include "api/routes.h"
#include "base/log.h"

namespace bridle::api {

namespace {

constexpr size_t page_bytes = 1 << 20;
constexpr size_t piece_bytes = 64 << 10;  // of a whole list
constexpr size_t piece_objects = 512;     // looked at for it

struct ListRequest {
  model::Kind kind = model::Kind::machine;
  std::string project;  // empty: of all that the caller sees
  std::string after;    // key
  Selector selector;
  size_t limit = 0, bytes = page_bytes, looks = SIZE_MAX;
};

struct Page {
  std::string items;  // JSON, joined by commas
  size_t count = 0, looks = 0;
  std::string last;  // the key that was looked at last
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

Result<ListRequest> read_request(const Exchange& exchange) {
  ListRequest out;
  out.kind = *exchange.route.kind;
  const model::KindInfo& kind = model::info(out.kind);
  if (kind.has_project)
    out.project =
        exchange.project.empty() ? std::string(exchange.parameter("project")) : exchange.project;
  if (!out.project.empty()) BRIDLE_CHECK(model::check_name("project", out.project));
  BRIDLE_TRY(out.after, key_of_token(out.kind, exchange.parameter("continue")));
  BRIDLE_TRY(out.selector, Selector::parse(exchange.parameter("selector")));
  BRIDLE_TRY(out.limit, exchange.number("limit", 500, 0, 1000));
  return out;
}

// One walk for one page: in the order of keys, which is not that of names: "lab-2/" < "lab/".
class Walk {
 public:
  Walk(const Exchange& exchange, const ListRequest& request, Page& page)
      : exchange_(exchange), request_(request), page_(page), cursor_(request.after) {}

  // False: the page is full, and there may be more.
  Result<bool> run() {
    const model::KindInfo& kind = model::info(request_.kind);
    const auto seen = exchange_.access.seen_projects(request_.kind);
    if (!kind.has_project) return seen ? names(*seen) : section("");
    if (!request_.project.empty())
      return exchange_.access.sees(kind.kind, request_.project) ? section(request_.project) : true;
    return seen ? sections(*seen) : everything();
  }

 private:
  // Objects of one project, or of a kind that has none.
  Result<bool> section(const std::string& project) {
    const std::string prefix = model::spec_key(request_.kind, project, {});
    const bool within = cursor_.starts_with(prefix);
    if (!within && cursor_ > prefix) return true;
    const std::string after = within ? cursor_.substr(prefix.size()) : std::string();
    return exchange_.api.shelf().walk(exchange_.backend.store(), request_.kind, project, after,
                                      [&](const std::string& name, const Shelf::Item& item) {
                                        return take(prefix + name, item);
                                      });
  }

  Result<bool> sections(const std::set<std::string>& projects) {
    std::map<std::string, std::string> in_order;
    for (const std::string& each : projects)
      if (model::check_name("project", each).ok())
        in_order[model::spec_key(request_.kind, each, {})] = each;
    for (const auto& [prefix, project] : in_order) {
      BRIDLE_TRY(const bool whole, section(project));
      if (!whole) return false;
    }
    return true;
  }

  // Whatever projects there are objects of.
  Result<bool> everything() {
    const std::string prefix = "/spec/" + std::string(model::info(request_.kind).singular) + "/";
    for (std::string at = cursor_;;) {
      BRIDLE_TRY(const store::Listing next, exchange_.backend.store().list(prefix, at, 1));
      if (next.entries.empty()) return true;
      at = next.entries.front().key;
      const auto parts = model::parse_key(at);
      if (!parts) continue;
      BRIDLE_TRY(const bool whole, section(parts->project));
      if (!whole) return false;
      at = model::spec_key(request_.kind, parts->project, {});
      at.back() = '0';  // follows '/': behind all of that project
    }
  }

  // Objects without a project that are seen one by one.
  Result<bool> names(const std::set<std::string>& seen) {
    for (const std::string& name : seen) {
      const std::string key = model::spec_key(request_.kind, {}, name);
      if (key <= cursor_ ||
          !exchange_.access.sees(request_.kind, boundary(request_.kind, {}, name)))
        continue;
      BRIDLE_TRY(auto found, find_object(exchange_.backend.store(), request_.kind, {}, name));
      if (!found) continue;
      Shelf::Item item{found->object.metadata.labels, {}};
      item.text = shown_text(std::move(found->object));
      if (!take(key, item)) return false;
    }
    return true;
  }

  bool take(const std::string& key, const Shelf::Item& item) {
    if (page_.count >= request_.limit || page_.items.size() >= request_.bytes ||
        page_.looks >= request_.looks)
      return false;
    ++page_.looks;
    page_.last = key;
    if (!request_.selector.matches(item.labels)) return true;
    if (page_.count++ > 0) page_.items += ',';
    page_.items += item.text;
    return true;
  }

  const Exchange& exchange_;
  const ListRequest& request_;
  Page& page_;
  const std::string cursor_;
};

Result<Page> read_page(const Exchange& exchange, const ListRequest& request) {
  Page page;
  page.revision = exchange.backend.store().revision();
  page.last = request.after;
  page.items.reserve(std::min(request.bytes, piece_bytes) + 4096);
  BRIDLE_TRY(const bool whole, Walk(exchange, request, page).run());
  if (!whole) page.next = token_of(page.last);
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
    request_.looks = piece_objects;
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
    // A chunk of nothing would be the last one.
    return (out.empty() ? out : chunk(out)) + (ended_ ? chunk({}) : std::string());
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
