// Authority: this host's own little certificate authority. It signs the certificate that the host
// shows to clients, and those that clients show to it; nobody else's word counts on either side.
//
//   authority  ECDSA P-256, 10 years; its fingerprint is what clients pin
//   server     90 days; a new key and certificate when a third of that is left, when the names
//              change, and when somebody asks; clients notice nothing
//   client     as long as was asked for; good only while the store holds a credential of its bytes
//
// The keys are here and in the files that `save` writes (bridled's own, 0600), and in no answer,
// log line, ledger entry or argument.
//
// Thread class: the loop's thread. Errors: Code::invalid, internal.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/certificate.h"
#include "base/clock.h"
#include "base/result.h"

namespace bridle::api {

struct AuthorityKeys {
  Signer authority;
  std::string server_key, server_certificate;
};

class Authority {
 public:
  using Save = std::function<Status(const AuthorityKeys&)>;

  // host: the common name. save: makes the keys durable before they are used.
  Authority(std::string host, Save save) : host_(std::move(host)), save_(std::move(save)) {}

  // What was saved before; what does not fit together is Code::invalid. Whoever calls neither this
  // nor ensure() has no keys and needs none.
  Status restore(AuthorityKeys keys);
  // Makes what is missing or due. True: the server's certificate is another one now.
  Result<bool> ensure(const std::vector<std::string>& names, WallTime now);
  // A new server key and certificate; with `all` a new authority too, which ends every client
  // certificate and every pin.
  Status rotate(bool all, WallTime now);

  // A client's certificate, as PEM. request: PKCS #10 in PEM, untrusted.
  Result<std::string> sign_client(const std::string& name, const std::string& request, WallTime now,
                                  WallTime until) const;

  bool has_keys() const { return keys_.has_value(); }
  // REQUIRES: has_keys().
  const AuthorityKeys& keys() const { return *keys_; }
  // Called after each change of keys().
  void on_change(std::function<void()> call) { changed_ = std::move(call); }

 private:
  Status put(AuthorityKeys keys);
  Result<AuthorityKeys> with_server(AuthorityKeys keys, WallTime now) const;

  const std::string host_;
  Save save_;
  std::function<void()> changed_;
  std::vector<std::string> names_;
  std::optional<AuthorityKeys> keys_;
};

}  // namespace bridle::api
