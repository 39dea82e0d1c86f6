// Dialing a host over TLS 1.3. The rest of the command line keeps talking to a plain descriptor: a
// thread of its own carries bytes between that one and the TLS connection, and ends with it.
//
// Only the authority that was accepted for this host counts (contexts.h); no other certificate of
// the system's does. The name or address that was dialed must be in the host's certificate.
//
// Thread class: one caller a Dialed. Errors: unreachable (nobody answers), unauthorized (the host
// is not the one that was accepted; the message says what to do).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fd.h"
#include "base/result.h"

namespace bridle::cli {

struct Remote {
  Endpoint endpoint;
  std::string authority;         // PEM
  std::string certificate, key;  // the client's, PEM; empty: comes without
};

// Why a connection ended, where TLS knows: a client certificate that was refused is seen only when
// the first answer is read.
class DialEnd {
 public:
  void set(std::string why) {
    const std::lock_guard lock(mutex_);
    why_ = std::move(why);
  }
  std::string why() const {
    const std::lock_guard lock(mutex_);
    return why_;
  }

 private:
  mutable std::mutex mutex_;
  std::string why_;  // guarded by mutex_
};

struct Dialed {
  Fd fd;
  std::shared_ptr<DialEnd> end;
};
Result<Dialed> dial(const Remote& remote);

// First use: the authority that the host at this endpoint shows, as PEM, with nothing verified but
// that it signed the host's certificate. Whoever accepts its fingerprint trusts it from then on.
Result<std::string> authority_shown_by(const Endpoint& endpoint);

}  // namespace bridle::cli
