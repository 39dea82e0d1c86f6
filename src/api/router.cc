#include "api/router.h"

#include "base/check.h"

namespace bridle::api {

namespace {

bool is_variable(const std::string& segment) { return segment.front() == '{'; }

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return false;
  for (size_t i = 0; i < path.size(); ++i)
    if (!is_variable(pattern[i]) && pattern[i] != path[i]) return false;
  return true;
}

void bind(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
          Router::Match& match) {
  for (size_t i = 0; i < path.size(); ++i) {
    if (pattern[i] == "{project}") match.project = path[i];
    if (pattern[i] == "{name}") match.name = path[i];
  }
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  for (const Route& route : routes_) {
    auto pattern = split_path(route.pattern);
    BRIDLE_ASSERT(pattern.ok() && route.handler != nullptr);
    for (size_t i = 0; i < patterns_.size(); ++i)
      BRIDLE_ASSERT(routes_[i].method != route.method || routes_[i].pattern != route.pattern);
    patterns_.push_back(std::move(*pattern));
  }
}

Router::Match Router::match(std::string_view method, const std::vector<std::string>& path) const {
  Match out;
  for (size_t i = 0; i < routes_.size(); ++i) {
    if (!fits(patterns_[i], path)) continue;
    if (routes_[i].method != method) {
      out.allowed += (out.allowed.empty() ? "" : ", ") + std::string(routes_[i].method);
      continue;
    }
    out.route = &routes_[i];
    bind(patterns_[i], path, out);
    return out;
  }
  return out;
}

size_t Router::body_limit(std::string_view method, std::string_view raw_path) const {
  const auto path = split_path(raw_path);
  if (!path.ok()) return 0;
  const Match found = match(method, *path);
  return found.route == nullptr ? 0 : found.route->body_limit;
}

}  // namespace bridle::api
