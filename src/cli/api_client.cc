#include "cli/api_client.h"

#include <array>

#include "base/random.h"
#include "cli/documents.h"

namespace bridle::cli {
namespace {

Code code_of_status(int status) {
  static constexpr std::array<std::pair<int, Code>, 9> codes{{{400, Code::invalid},
                                                              {401, Code::unauthorized},
                                                              {403, Code::unauthorized},
                                                              {404, Code::not_found},
                                                              {409, Code::conflict},
                                                              {410, Code::gone},
                                                              {422, Code::refused},
                                                              {429, Code::exhausted},
                                                              {503, Code::unreachable}}};
  for (const auto& [number, code] : codes)
    if (number == status) return code;
  return Code::internal;
}

Result<json::value> parse_json(const std::string& text) {
  if (text.empty()) return json::value();
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  json::value value = json::parse(text, error, {}, options);
  if (error) return Error(Code::corrupt, "bridled's answer is not JSON: " + error.message());
  return value;
}

std::string query_text(const ListQuery& query, const std::string& more) {
  std::string out = "?limit=500";
  if (!query.project.empty()) out += "&project=" + encode(query.project);
  if (!query.selector.empty()) out += "&selector=" + encode(query.selector);
  if (!more.empty()) out += "&continue=" + encode(more);
  return out;
}

uint64_t revision_of(const json::value& page) {
  for (const auto* key : {"resourceVersion", "revision", "metadata.resourceVersion"})
    if (const double found = number_at(page, key); found > 0) return static_cast<uint64_t>(found);
  return 0;
}

}  // namespace

Error ApiClient::error_of(int status, std::string_view body) {
  const auto parsed = parse_json(std::string(body));
  const std::string message = parsed.ok() ? text_at(*parsed, "error.message") : std::string();
  const auto named = code_from_name(parsed.ok() ? text_at(*parsed, "error.code") : std::string());
  const Code code = named.value_or(code_of_status(status));
  if (message.empty()) return Error(code, "bridled answered with HTTP " + std::to_string(status));
  const std::string path = text_at(*parsed, "error.path");
  if (path.empty() || message.find(path) != std::string::npos) return Error(code, message);
  return Error(code, path + ": " + message);
}

Result<json::value> ApiClient::call(const Request& request) const {
  BRIDLE_TRY(const Response response, http_.request(request));
  if (response.status / 100 != 2) return error_of(response.status, response.body);
  return parse_json(response.body);
}

std::string ApiClient::path(const model::KindInfo& kind, std::string_view project,
                            std::string_view name) {
  std::string out = "/api/v1";
  if (kind.has_project) out += "/projects/" + encode(project);
  out += "/" + std::string(kind.plural);
  return name.empty() ? out : out + "/" + encode(name);
}

Result<Listing> ApiClient::list(const model::KindInfo& kind, const ListQuery& query) const {
  Listing listing;
  std::string more;
  const bool one_project = kind.has_project && !query.project.empty();
  const std::string base =
      one_project ? path(kind, query.project, {}) : "/api/v1/" + std::string(kind.plural);
  do {
    BRIDLE_TRY(const json::value page, get(base + query_text({{}, query.selector}, more)));
    const json::value& items = at(page, "items");
    if (!items.is_array()) return Error(Code::corrupt, "bridled's list has no items");
    for (const auto& item : items.get_array()) listing.items.push_back(item);
    if (listing.revision == 0) listing.revision = revision_of(page);
    const std::string next = text_at(page, "continue");
    if (!next.empty() && next == more)
      return Error(Code::corrupt, "bridled's list does not come to its end");
    more = next;
  } while (!more.empty());
  return listing;
}

Result<json::value> ApiClient::object(const model::KindInfo& kind, std::string_view project,
                                      std::string_view name) const {
  return get(path(kind, project, name));
}

Result<json::value> ApiClient::put(const json::value& object, bool dry_run) const {
  const model::KindInfo* kind = model::find_kind(text_at(object, "kind"));
  if (kind == nullptr)
    return Error(Code::invalid, "kind: \"" + text_at(object, "kind") + "\" is not known");
  const std::string target =
      path(*kind, text_at(object, "metadata.project"), text_at(object, "metadata.name"));
  return call({"PUT", target + (dry_run ? "?dryRun=true" : ""), json::serialize(object)});
}

Result<json::value> ApiClient::remove(const model::KindInfo& kind, std::string_view project,
                                      std::string_view name, bool dry_run) const {
  const std::string target = path(kind, project, name) + (dry_run ? "?dryRun=true" : "");
  BRIDLE_TRY(const Response response, http_.request({"DELETE", target}));
  if (response.status / 100 != 2) return error_of(response.status, response.body);
  if (response.status != 202) return json::value();
  return parse_json(response.body);
}

Result<json::value> ApiClient::act(const model::KindInfo& kind, std::string_view project,
                                   std::string_view name, std::string_view action,
                                   const json::object& body) const {
  SystemRandom random;
  const std::string target = path(kind, project, name) + "/actions/" + std::string(action);
  return call(
      {"POST", target, json::serialize(body), {{"Idempotency-Key", Uuid::random(random).text()}}});
}

Result<Watch> ApiClient::watch(const std::string& kinds, const std::string& project,
                               uint64_t since) const {
  std::string target = "/api/v1/watch?kinds=" + kinds;
  if (!project.empty()) target += "&project=" + encode(project);
  if (since > 0) target += "&since=" + std::to_string(since);
  BRIDLE_TRY(Stream stream, http_.open({"GET", target, {}, {{"Accept", "text/event-stream"}}}));
  if (stream.status() == 200) return Watch(std::move(stream));
  std::string body;
  while (!stream.ended() && body.size() < (64u << 10)) {
    BRIDLE_TRY(const std::string some, stream.read_some(std::chrono::seconds(5)));
    if (some.empty()) break;
    body += some;
  }
  return error_of(stream.status(), body);
}

Result<std::optional<ServerEvent>> Watch::next(Duration patience) {
  if (auto event = parser_.next()) return event;
  if (stream_.ended()) return Error(Code::unreachable, "bridled ended the stream");
  BRIDLE_TRY(const std::string some, stream_.read_some(patience));
  BRIDLE_CHECK(parser_.feed(some));
  return parser_.next();
}

}  // namespace bridle::cli
