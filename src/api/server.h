// Server: the API on a unix stream socket.
//
//   BRIDLE_TRY(Fd listener, wire::listen_unix(layout.api_socket(), SOCK_STREAM, 0666));
//   Server server(loop, api, std::move(listener));
//   ...
//   server.store_changed();  // from the store's doorbell
//   server.shut_down();      // before the loop ends
//
// The kernel tells who the peer is (SO_PEERCRED, SO_PEERGROUPS); the roles say what it may do.
// Another transport (TCP with TLS and client certificates) is another acceptor that makes its own
// Conn and Caller and ends in the same Session.
//
// Fairness: at most Limits::connections in all, connections_per_uid for one user; beyond that a
// connection is answered 503 (429) and closed. Sessions take turns on the loop.
//
// Thread class: the loop's thread. The Api outlives the Server; the loop outlives both.
#pragma once

#include <memory>

#include "api/api.h"
#include "api/session.h"
#include "base/fd.h"

namespace boost::asio {
class io_context;
}

namespace bridle::api {

class Server {
 public:
  // listener: a listening unix stream socket. own_uid: bridled's, free of the limit per user.
  Server(boost::asio::io_context& loop, Api& api, Fd listener, uid_t own_uid, Limits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Watches look for changes, once, soon; cheap to call after every commit.
  void store_changed();
  // No new connections; streams are told to resume elsewhere; answers under way are finished.
  void shut_down();
  size_t connections() const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

// The peer of a connected unix socket. Code::internal: the kernel would not tell.
Result<Caller> peer_caller(int fd);

}  // namespace bridle::api
