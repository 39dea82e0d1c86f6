// NetServer: the API over TCP, TLS 1.3 only. A connection becomes a Session, as on the unix socket,
// when its handshake is done; who asks is settled by the client's certificate or each request's
// token (Api::identify).
//
// What keeps strangers from taking what others need:
//   peers         an address (of IPv6 its /64) has so many connections, new connections a second
//                 and requests a second; an identity has its requests a second, wherever it comes
//                 from
//   unknown       connections on which nobody has proved anything yet, handshakes included, have a
//                 number of their own; when it is reached the oldest makes room
//   time          a handshake has 10 s, a header or body 15 s, the taking of an answer 30 s
//   answers       a stranger's connection ends with its first answer, a 401
//
// Refused connections, handshakes and calls are told to Backend::refused.
//
// Handshakes are computed by a thread of the server's own: a thousand strangers who knock delay no
// one who is known. All else, and whatever the handshakes end with, happens on the loop.
//
// Thread class: the loop's thread. The Api outlives the NetServer; the loop outlives both.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/session.h"
#include "api/tls_context.h"
#include "base/endpoint.h"

namespace boost::asio {
class io_context;
}

namespace bridle::api {

struct NetLimits {
  size_t connections = 2048;  // in all
  size_t connections_per_peer = 256;
  size_t unknown = 256;             // nobody has proved anything yet
  double connects_a_second = 50;    // of one peer; four times as many at once
  double requests_a_second = 1000;  // of one identity, and twice that of one peer
  double strangers_a_second = 10;   // requests without a good credential, of one peer
  Duration handshake = std::chrono::seconds(10);
};

class NetServer {
 public:
  NetServer(boost::asio::io_context& loop, Api& api, NetLimits limits = {});
  ~NetServer();
  NetServer(const NetServer&) = delete;
  NetServer& operator=(const NetServer&) = delete;

  // New connections use it; those that are there keep theirs.
  void use(std::shared_ptr<TlsContext> context);
  void limit(const NetLimits& limits);
  // Listens on these addresses and on no others. Connections that are there stay. The error names
  // the first address that cannot be had; the others are listened on. Port 0 takes a free one.
  Status listen(const std::vector<Endpoint>& addresses);
  std::vector<std::string> listening() const;

  void store_changed();
  void shut_down();
  size_t connections() const;
  bool shaking() const;  // handshakes are being computed  // sessions and handshakes

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

// "192.0.2.1"; of an IPv6 address its /64: "2001:db8:1:2::/64".
std::string peer_name(int fd);

}  // namespace bridle::api
