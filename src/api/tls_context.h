// TlsContext: what every TLS connection of this host has in common: TLS 1.3 and nothing older, this
// host's certificate, and its authority as the only one whose clients' certificates count. A client
// may come without a certificate (it then needs a token); a bad one ends the handshake.
//
// No tickets and no resumption: each connection proves itself anew, and there is no key that must
// be rotated. No early data, no renegotiation, no compression.
//
// Connections that exist keep the context they began with: rotation cuts nobody.
//
// Thread class: immutable once made. Errors: Code::invalid, internal.
#pragma once

#include <memory>

#include "api/authority.h"
#include "base/result.h"

struct ssl_ctx_st;

namespace bridle::api {

class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> make(const AuthorityKeys& keys);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* const context_;
};

}  // namespace bridle::api
