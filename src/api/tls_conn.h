// TlsConn: a Conn over TLS, on an Asio loop. Its handshake is driven from outside, before anything
// else; afterwards it reads and writes like any other.
//
// A peer that ends TCP without ending TLS looks like one that closed: HTTP says for itself where
// its messages end, so that a cut cannot pass for an end.
//
// Thread class: the loop's thread; handshake() alone may run on another, while nothing else is
// asked of the connection.
#pragma once

#include <memory>
#include <string>

#include "api/conn.h"
#include "api/tls_context.h"
#include "base/fd.h"
#include "base/hash.h"

namespace boost::asio {
class io_context;
}

namespace bridle::api {

class TlsConn : public Conn {
 public:
  enum class Step { done, wait_readable, wait_writable, failed };
  virtual Step handshake() = 0;
  // Waits for what handshake() asked for, then calls once, from the loop.
  virtual void when_ready(Step step, std::function<void()> call) = 0;

  // After the handshake: the client's certificate, verified. Empty name: none was shown.
  struct Shown {
    std::string name;
    Sha256 digest{};
  };
  virtual Shown shown() const = 0;
  // After a failure: why, in a few words of OpenSSL's.
  virtual const std::string& why() const = 0;
};

// fd: a connected TCP socket; made non-blocking. Null: out of memory.
std::unique_ptr<TlsConn> tls_conn(boost::asio::io_context& loop,
                                  std::shared_ptr<TlsContext> context, Fd fd);

}  // namespace bridle::api
