// Api: the HTTP/JSON interface of bridled without sockets: a request and its caller in, an answer
// out.
//
//   Api api(backend, layout.daemon_uid());
//   api.handle(request, caller, "r-1", [](Answer answer) { ... });
//
// In this order: caller (401 who holds nothing), route (404, 405), right (404 where the caller
// knows nothing of the project, else 403), reason (422 where one is missing), handler. Roles,
// Bindings and owners of Projects are read from the store and kept until one of them changes.
//
// Thread class: the loop's thread. The backend and the Api outlive what they were asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/auth.h"
#include "api/backend.h"
#include "api/credential.h"
#include "api/message.h"
#include "api/metrics.h"
#include "api/router.h"
#include "api/shelf.h"
#include "api/watch_cache.h"

namespace bridle::api {

class Api {
 public:
  // own_uid: bridled's own, admin by bootstrap as uid 0 is.
  Api(Backend& backend, uid_t own_uid);
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  void handle(Request request, const Caller& caller, std::string request_id, Reply reply);

  // Everything that can be refused before the body has come; handle() asks this first.
  struct Entry {
    std::optional<Response> refusal;  // set: answer this, the rest is empty
    const Route* route = nullptr;
    Access access;
    Query query;
    std::string project, name;
  };
  Entry enter(const Request& request, const Caller& caller, std::string_view request_id);

  // Who asks this, on a connection of `connection`'s: himself on the unix socket; over the network
  // whoever the request's token or the connection's certificate proves; else a stranger.
  Caller identify(const Caller& connection, const Request& request);
  // What this caller may do now: a credential that was revoked or has expired gives nothing.
  Result<Access> access(const Caller& caller);
  // What Roles, Bindings and owners give to the credential by name, and its own grant if there is
  // one that is good now, whoever shows it. Only to tell.
  Result<Access> granted_by_name(const Caller& credential);
  Result<const CredentialBook*> credentials();
  const Router& router() const { return router_; }
  Backend& backend() { return backend_; }
  const RequestMeter& meter() const { return meter_; }
  WatchCache& watch_cache() { return watch_cache_; }
  Shelf& shelf() { return shelf_; }

 private:
  Status refresh_roles();
  Reply metered(const Entry& entry, std::string_view method, Reply reply);

  Backend& backend_;
  const uid_t own_uid_;
  const Router router_;
  std::vector<RoleRule> roles_;  // of Roles, Bindings and the owners of Projects
  Revision roles_at_ = 0;        // the store's revision that roles_ are of
  bool roles_known_ = false;
  RequestMeter meter_;
  WatchCache watch_cache_;
  Shelf shelf_;
  CredentialBook credentials_;
};

// Does the caller hold the route's right where it asks for it? What a handler judges by the body
// (a Binding may not give more than its writer has) comes on top.
bool permitted(const Route& route, const Access& access, std::string_view project);

// The whole table (routes.cc).
std::vector<Route> all_routes();

}  // namespace bridle::api
