// Router: finds the row of the table that a method and a path mean.
//
// Thread class: immutable once built.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"

namespace bridle::api {

class Router {
 public:
  // REQUIRES: no two routes have the same method and the same pattern.
  explicit Router(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;  // null: no route has this path and method
    std::string project, name;     // what stood for {project} and {name}
    std::string allowed;           // route is null: methods the path has, "GET, PUT"; may be empty
  };
  Match match(std::string_view method, const std::vector<std::string>& path) const;
  // How large a body to take, before it is read; 0 where there is no route.
  size_t body_limit(std::string_view method, std::string_view raw_path) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> patterns_;  // routes_[i].pattern, split
};

}  // namespace bridle::api
