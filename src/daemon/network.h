// Network: the API over TCP as the Host object declares it (spec.api), applied whenever it changes,
// with keys of this host's own; and the ledger's account of what was refused.
//
// Keys: ROOT/state/tls/keys.json, bridled's own, 0600, in a folder of 0700: one file, so that what
// a crash leaves always belongs together. They are made when the first address is declared.
//
// Thread class: the loop's thread.
#pragma once

#include <memory>
#include <string>

#include "api/api.h"
#include "api/authority.h"
#include "api/net_server.h"
#include "api/refusals.h"
#include "base/layout.h"
#include "daemon/loop.h"
#include "daemon/scribe.h"
#include "model/host.h"

namespace bridle::daemon {

class Network {
 public:
  // host: the name of the Host object that speaks for this host.
  Network(Clock& clock, Layout layout, Scribe& scribe, std::string host);

  api::Authority& authority() { return authority_; }
  // Reads the keys that are there. Code::invalid, corrupt: they are none; nothing is listened on.
  Status load();
  void serve(Loop& loop, api::Api& api);

  // Makes it as the object says. After commits: cheap where the object is as it was.
  void refresh(store::Store& store);
  // Every few seconds: renews the certificate when it is due, tries again what failed, tells the
  // ledger how many calls were refused meanwhile.
  void keep_house(store::Store& store);
  model::HostApiStatus status() const;

  void refused(const api::Refusal& refusal);
  void store_changed();
  void shut_down();
  // No connection and no listener is left. Before the Api goes.
  void stop() { server_.reset(); }

 private:
  Status save(const api::AuthorityKeys& keys);
  Status apply(const model::HostApi& wanted);
  void renew(store::Store& store, bool changes_only);
  void use_keys();
  void write(const std::vector<api::Refusals::Told>& told);

  Clock& clock_;
  const Layout layout_;
  Scribe& scribe_;
  const std::string host_;
  api::Authority authority_;
  api::Refusals refusals_;
  std::unique_ptr<api::NetServer> server_;
  model::HostApi applied_;
  Revision looked_at_ = 0;  // of the object
  std::string message_, refused_keys_;
};

}  // namespace bridle::daemon
