// ApiClient: bridled's API as functions, over HttpClient. Objects stay JSON values: the CLI shows
// what the daemon says, also fields that a newer daemon added.
//
// Thread class: one thread. Errors are the daemon's own (code and message), or the connection's.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/http_client.h"
#include "cli/sse.h"
#include "model/object.h"

namespace bridle::cli {

namespace json = boost::json;

struct ListQuery {
  std::string project;   // empty: all the caller may see
  std::string selector;  // "tier=web,env!=prod"
};

struct Listing {
  std::vector<json::value> items;
  uint64_t revision = 0;  // a watch that follows it starts here
};

// A watch on kinds, from a revision on.
class Watch {
 public:
  explicit Watch(Stream stream) : stream_(std::move(stream)) {}
  // The next event, waiting up to `patience`; empty: none came. Code::unreachable: the stream
  // ended.
  Result<std::optional<ServerEvent>> next(Duration patience);

 private:
  Stream stream_;
  EventParser parser_;
};

class ApiClient {
 public:
  explicit ApiClient(HttpClient http) : http_(std::move(http)) {}

  // The JSON body of a 2xx answer, or the error of another.
  Result<json::value> call(const Request& request) const;
  Result<json::value> get(const std::string& target) const { return call({"GET", target}); }

  Result<Listing> list(const model::KindInfo& kind, const ListQuery& query) const;
  Result<json::value> object(const model::KindInfo& kind, std::string_view project,
                             std::string_view name) const;
  Result<json::value> put(const json::value& object, bool dry_run) const;
  // The object that is being deleted, or null when it is gone already.
  Result<json::value> remove(const model::KindInfo& kind, std::string_view project,
                             std::string_view name, bool dry_run = false) const;
  Result<json::value> act(const model::KindInfo& kind, std::string_view project,
                          std::string_view name, std::string_view action,
                          const json::object& body = {}) const;
  // kinds: plurals, joined by commas; project empty: all.
  Result<Watch> watch(const std::string& kinds, const std::string& project, uint64_t since) const;

  const HttpClient& http() const { return http_; }
  ApiClient with_patience(Duration patience) const {
    return ApiClient(http_.with_patience(patience));
  }

  // "/api/v1/projects/lab/machines/web", or without the last part when name is empty.
  static std::string path(const model::KindInfo& kind, std::string_view project,
                          std::string_view name);
  // What a non-2xx answer says.
  static Error error_of(int status, std::string_view body);

 private:
  HttpClient http_;
};

}  // namespace bridle::cli
