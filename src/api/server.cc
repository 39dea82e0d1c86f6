#include "api/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>

#include "api/socket_conn.h"
#include "base/log.h"

namespace bridle::api {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

namespace {

constexpr int accepts_a_turn = 16;
constexpr auto tick_period = std::chrono::seconds(1);

Result<std::vector<gid_t>> peer_groups(int fd) {
  std::vector<gid_t> groups(64);
  for (int tries = 0; tries < 2; ++tries) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE) break;
    groups.resize(size / sizeof(gid_t));
  }
  return errno_error("asking for the peer's groups");
}

}  // namespace

Result<Caller> peer_caller(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return errno_error("asking who the peer is");
  Caller caller;
  caller.uid = credentials.uid;
  caller.gid = credentials.gid;
  BRIDLE_TRY(caller.groups, peer_groups(fd));
  return caller;
}

struct Server::Parts : std::enable_shared_from_this<Parts> {
  Parts(asio::io_context& context, Api& api, uid_t own, Limits limits)
      : loop(context), listener(context), timer(context), own_uid(own), host{api, limits, {},
                                                                             {},  {},     {}} {
    host.adopt = [&context](Fd fd) { return socket_conn(context, std::move(fd)); };
    host.post = [&context](std::function<void()> work) { asio::post(context, std::move(work)); };
    // Request ids differ between two runs of the daemon.
    host.id_prefix = "r-" + api.backend().new_uuid().text().substr(0, 8) + "-";
  }

  void accept_soon();
  void accept_some();
  void take(Fd fd);
  bool full_for(const Caller& caller) const;
  void tick_soon();
  void tick();
  void changed();

  asio::io_context& loop;
  stream_descriptor listener;
  asio::steady_timer timer;
  const uid_t own_uid;
  SessionHost host;
  std::vector<std::shared_ptr<Session>> sessions;
  bool accepting = false;
  bool ticking = false;
  bool change_waits = false;
};

void Server::Parts::accept_soon() {
  if (!listener.is_open() || std::exchange(accepting, true)) return;
  listener.async_wait(stream_descriptor::wait_read,
                      [self = shared_from_this()](boost::system::error_code ec) {
                        self->accepting = false;
                        if (!ec) self->accept_some();
                      });
}

void Server::Parts::accept_some() {
  for (int i = 0; i < accepts_a_turn && listener.is_open(); ++i) {
    Fd fd(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      take(std::move(fd));
      continue;
    }
    if (errno == EAGAIN) break;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // No descriptors or memory left: the next tick tries again, and what ends meanwhile helps.
    log::warning("cannot accept a connection", {{"errno", std::to_string(errno)}});
    return tick_soon();
  }
  accept_soon();
}

bool Server::Parts::full_for(const Caller& caller) const {
  if (sessions.size() >= host.limits.connections) return true;
  if (caller.uid == 0 || caller.uid == own_uid) return false;
  const auto same = [&](const auto& session) { return session->caller().uid == caller.uid; };
  return static_cast<size_t>(std::count_if(sessions.begin(), sessions.end(), same)) >=
         host.limits.connections_per_uid;
}

void Server::Parts::take(Fd fd) {
  auto caller = peer_caller(fd.get());
  if (!caller.ok()) {
    log::warning("a connection is refused", {{"error", caller.error().message()}});
    return;
  }
  std::erase_if(sessions, [](const auto& session) { return session->closed(); });
  if (full_for(*caller)) {
    const std::string answer =
        render(error_response(sessions.size() >= host.limits.connections ? 503 : 429, "exhausted",
                              "too many connections; close some, or try again soon", "-"),
               "-", false);
    // No crash point: a refused connection changes nothing.
    // A fresh socket's buffer holds it; who does not read it has lost nothing.
    [[maybe_unused]] const auto n =
        ::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  sessions.push_back(
      std::make_shared<Session>(host, socket_conn(loop, std::move(fd)), std::move(*caller)));
  const auto session = sessions.back();
  session->start();
  tick_soon();
}

void Server::Parts::tick_soon() {
  if (std::exchange(ticking, true)) return;
  timer.expires_after(tick_period);
  timer.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    self->ticking = false;
    if (!ec) self->tick();
  });
}

void Server::Parts::tick() {
  const Tick now = host.api.backend().now();
  const auto current = sessions;  // ticking may end one, and an ended one may make others move
  for (const auto& session : current) session->tick(now);
  std::erase_if(sessions, [](const auto& session) { return session->closed(); });
  if (!sessions.empty()) tick_soon();
  if (!accepting && listener.is_open()) accept_some();
}

void Server::Parts::changed() {
  change_waits = false;
  const auto current = sessions;
  for (const auto& session : current) session->store_changed();
}

Server::Server(asio::io_context& loop, Api& api, Fd listener, uid_t own_uid, Limits limits)
    : parts_(std::make_shared<Parts>(loop, api, own_uid, limits)) {
  boost::system::error_code ignored;
  parts_->listener.assign(listener.release());
  parts_->listener.non_blocking(true, ignored);
  parts_->accept_soon();
}

Server::~Server() {
  shut_down();
  parts_->timer.cancel();
  for (const auto& session : std::exchange(parts_->sessions, {})) session->cut();
}

void Server::store_changed() {
  if (std::exchange(parts_->change_waits, true)) return;
  asio::post(parts_->loop, [parts = parts_] { parts->changed(); });
}

void Server::shut_down() {
  boost::system::error_code ignored;
  parts_->listener.close(ignored);
  const auto current = parts_->sessions;
  for (const auto& session : current) session->shut_down();
}

size_t Server::connections() const {
  return static_cast<size_t>(std::count_if(parts_->sessions.begin(), parts_->sessions.end(),
                                           [](const auto& session) { return !session->closed(); }));
}

}  // namespace bridle::api
