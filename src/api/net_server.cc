#include "api/net_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>
#include <cstring>
#include <list>

#include "api/rate.h"
#include "api/refusals.h"
#include "api/socket_conn.h"
#include "api/tls_conn.h"
#include "base/log.h"

namespace bridle::api {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

namespace {

constexpr int accepts_a_turn = 16;
constexpr auto tick_period = std::chrono::seconds(1);

std::string address_text(int family, const void* address) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(family, address, text, sizeof text);
  return text;
}

std::string name_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET)
    return address_text(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  if (address.ss_family != AF_INET6) return "unknown";
  in6_addr six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return address_text(AF_INET, six.s6_addr + 12);
  // Whoever has one address of a /64 has all of them.
  std::memset(six.s6_addr + 8, 0, 8);
  return address_text(AF_INET6, &six) + "/64";
}

Result<Fd> listen_on(const Endpoint& where) {
  sockaddr_storage address{};
  socklen_t size = sizeof(sockaddr_in);
  auto& four = reinterpret_cast<sockaddr_in&>(address);
  auto& six = reinterpret_cast<sockaddr_in6&>(address);
  if (::inet_pton(AF_INET, where.host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(where.port);
  } else if (::inet_pton(AF_INET6, where.host.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(where.port);
    size = sizeof(sockaddr_in6);
  } else {
    return Error(Code::invalid, where.host + " is not an address");
  }
  Fd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("making a socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ss_family == AF_INET6)
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(fd.get(), 512) != 0)
    return errno_error("listening on " + where.text());
  return fd;
}

}  // namespace

std::string peer_name(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  return name_of(address);
}

struct NetServer::Parts : std::enable_shared_from_this<Parts> {
  struct Listener {
    Listener(asio::io_context& loop, Endpoint at, Fd fd)
        : where(std::move(at)), socket(loop, fd.release()) {}
    Endpoint where;
    stream_descriptor socket;
    bool waiting = false;
  };
  struct Arrival {
    std::shared_ptr<TlsConn> conn;
    std::string peer;
    Tick since;
    bool shaking = false;  // its conn belongs to the handshakes' thread
  };
  using ArrivalPtr = std::shared_ptr<Arrival>;

  Parts(asio::io_context& context, Api& api, const NetLimits& given);

  void limit(const NetLimits& given);
  void accept_soon(const std::shared_ptr<Listener>& listener);
  void accept_some(const std::shared_ptr<Listener>& listener);
  void take(Fd fd);
  bool full_for(const std::string& peer);
  void make_room();
  void shake_when_ready(const ArrivalPtr& arrival, TlsConn::Step step);
  void shake(const ArrivalPtr& arrival);
  void shaken(const ArrivalPtr& arrival, TlsConn::Step step);
  void drop(const ArrivalPtr& arrival);
  void arrived(const ArrivalPtr& arrival);
  void refuse(const std::string& peer, std::string call, int status);
  bool may_ask(const Caller& caller);
  void forget_closed();
  void tick_soon();
  void tick();
  Tick now() { return host.api.backend().now(); }

  asio::io_context& loop;
  NetLimits limits;
  SessionHost host;
  std::shared_ptr<TlsContext> tls;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::list<ArrivalPtr> arrivals;                  // oldest first
  std::vector<std::shared_ptr<Session>> sessions;  // oldest first
  Rates connects, requests, peer_requests, strangers;
  asio::steady_timer timer;
  bool ticking = false;
  bool change_waits = false;
  size_t shaking = 0;  // handshakes that their thread has
  // Their cryptography takes longer than most answers: strangers must not make the known wait.
  asio::thread_pool handshakes{1};
};

namespace {

Limits session_limits() {
  Limits limits;
  limits.read = std::chrono::seconds(15);
  return limits;
}

}  // namespace

NetServer::Parts::Parts(asio::io_context& context, Api& api, const NetLimits& given)
    : loop(context),
      host{api, session_limits(), {}, {}, {}, {}},
      connects(0, 0),
      requests(0, 0),
      peer_requests(0, 0),
      strangers(0, 0),
      timer(context) {
  limit(given);
  host.adopt = [&context](Fd fd) { return socket_conn(context, std::move(fd)); };
  host.post = [&context](std::function<void()> work) { asio::post(context, std::move(work)); };
  host.may_ask = [this](const Caller& caller) { return may_ask(caller); };
  host.id_prefix = "n-" + api.backend().new_uuid().text().substr(0, 8) + "-";
}

void NetServer::Parts::limit(const NetLimits& given) {
  limits = given;
  connects.set(limits.connects_a_second, 4 * limits.connects_a_second);
  requests.set(limits.requests_a_second, 2 * limits.requests_a_second);
  peer_requests.set(2 * limits.requests_a_second, 4 * limits.requests_a_second);
  strangers.set(limits.strangers_a_second, 4 * limits.strangers_a_second);
}

bool NetServer::Parts::may_ask(const Caller& caller) {
  if (caller.source == Source::stranger) return strangers.allow(caller.peer, now());
  return requests.allow(who(caller), now()) && peer_requests.allow(caller.peer, now());
}

void NetServer::Parts::refuse(const std::string& peer, std::string call, int status) {
  host.api.backend().refused({std::string(name(Source::stranger)), peer, std::move(call),
                              host.id_prefix + std::to_string(++host.requests), status});
}

void NetServer::Parts::accept_soon(const std::shared_ptr<Listener>& listener) {
  if (!listener->socket.is_open() || std::exchange(listener->waiting, true)) return;
  listener->socket.async_wait(stream_descriptor::wait_read,
                              [self = shared_from_this(), listener](boost::system::error_code ec) {
                                listener->waiting = false;
                                if (!ec) self->accept_some(listener);
                              });
}

void NetServer::Parts::accept_some(const std::shared_ptr<Listener>& listener) {
  for (int i = 0; i < accepts_a_turn && listener->socket.is_open(); ++i) {
    Fd fd(::accept4(listener->socket.native_handle(), nullptr, nullptr,
                    SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      take(std::move(fd));
      continue;
    }
    if (errno == EAGAIN) break;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // No descriptors or memory left: the next tick tries again.
    log::warning("cannot accept a connection", {{"errno", std::to_string(errno)}});
    return tick_soon();
  }
  accept_soon(listener);
}

void NetServer::Parts::forget_closed() {
  std::erase_if(sessions, [](const auto& session) { return session->closed(); });
}

bool NetServer::Parts::full_for(const std::string& peer) {
  if (sessions.size() + arrivals.size() >= limits.connections) return true;
  const auto same = [&](const auto& session) { return session->caller().peer == peer; };
  const auto here = [&](const auto& arrival) { return arrival->peer == peer; };
  const auto count = std::count_if(sessions.begin(), sessions.end(), same) +
                     std::count_if(arrivals.begin(), arrivals.end(), here);
  return static_cast<size_t>(count) >= limits.connections_per_peer;
}

// Who has waited longest without proving anything goes: a handshake, or else a silent connection.
void NetServer::Parts::make_room() {
  const auto unknown = [](const auto& session) { return !session->is_known(); };
  const auto count = std::count_if(sessions.begin(), sessions.end(), unknown);
  if (arrivals.size() + static_cast<size_t>(count) < limits.unknown) return;
  if (count > 0) {
    (*std::find_if(sessions.begin(), sessions.end(), unknown))->cut();
    return forget_closed();
  }
  drop(ArrivalPtr(arrivals.front()));
}

void NetServer::Parts::take(Fd fd) {
  const std::string peer = peer_name(fd.get());
  forget_closed();
  if (full_for(peer) || !connects.allow(peer, now())) return refuse(peer, "a connection", 429);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  make_room();
  std::shared_ptr<TlsConn> conn = tls ? tls_conn(loop, tls, std::move(fd)) : nullptr;
  if (!conn) return;
  arrivals.push_back(std::make_shared<Arrival>(Arrival{std::move(conn), peer, now()}));
  shake_when_ready(arrivals.back(), TlsConn::Step::wait_readable);
  tick_soon();
}

void NetServer::Parts::shake_when_ready(const ArrivalPtr& arrival, TlsConn::Step step) {
  arrival->conn->when_ready(step, [weak = weak_from_this(), arrival] {
    if (const auto self = weak.lock()) self->shake(arrival);
  });
}

void NetServer::Parts::shake(const ArrivalPtr& arrival) {
  if (std::find(arrivals.begin(), arrivals.end(), arrival) == arrivals.end()) return;
  arrival->shaking = true;
  ++shaking;
  // What the thread was lent goes back to the loop, which may be the one to destroy it.
  asio::post(handshakes,
             [weak = weak_from_this(), &home = loop, arrival = ArrivalPtr(arrival)]() mutable {
               const TlsConn::Step step = arrival->conn->handshake();
               asio::post(home, [weak, arrival = std::move(arrival), step] {
                 if (const auto self = weak.lock()) self->shaken(arrival, step);
               });
             });
}

void NetServer::Parts::shaken(const ArrivalPtr& arrival, TlsConn::Step step) {
  arrival->shaking = false;
  --shaking;
  // Meanwhile it may have been dropped.
  if (std::find(arrivals.begin(), arrivals.end(), arrival) == arrivals.end())
    return arrival->conn->close();
  if (step == TlsConn::Step::done) return arrived(arrival);
  if (step != TlsConn::Step::failed) return shake_when_ready(arrival, step);
  refuse(arrival->peer, "TLS: " + arrival->conn->why(), 0);
  drop(arrival);
}

void NetServer::Parts::drop(const ArrivalPtr& arrival) {
  arrivals.remove(arrival);
  if (!arrival->shaking) arrival->conn->close();
}

namespace {

// A Session owns its Conn; an arrival shares it with the callback that brought it here.
class Shared final : public Conn {
 public:
  explicit Shared(std::shared_ptr<TlsConn> conn) : conn_(std::move(conn)) {}
  Io read(std::span<char> into) override { return conn_->read(into); }
  Io write(std::string_view bytes) override { return conn_->write(bytes); }
  void when_readable(std::function<void()> call) override { conn_->when_readable(std::move(call)); }
  void when_writable(std::function<void()> call) override { conn_->when_writable(std::move(call)); }
  void end_writing() override { conn_->end_writing(); }
  void close() override { conn_->close(); }

 private:
  const std::shared_ptr<TlsConn> conn_;
};

Caller caller_of(const TlsConn& conn, const std::string& peer) {
  Caller caller;
  caller.source = Source::stranger;
  caller.peer = peer;
  const TlsConn::Shown shown = conn.shown();
  if (shown.name.empty()) return caller;
  caller.source = Source::certificate;
  caller.credential = shown.name;
  caller.proof = hex(shown.digest);
  return caller;
}

}  // namespace

void NetServer::Parts::arrived(const ArrivalPtr& arrival) {
  arrivals.remove(arrival);
  sessions.push_back(std::make_shared<Session>(host, std::make_unique<Shared>(arrival->conn),
                                               caller_of(*arrival->conn, arrival->peer)));
  const auto session = sessions.back();
  session->start();
}

void NetServer::Parts::tick_soon() {
  if (std::exchange(ticking, true)) return;
  timer.expires_after(tick_period);
  timer.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    self->ticking = false;
    if (!ec) self->tick();
  });
}

void NetServer::Parts::tick() {
  const Tick at = now();
  while (!arrivals.empty() && at - arrivals.front()->since >= limits.handshake) {
    refuse(arrivals.front()->peer, "TLS: no handshake in time", 0);
    drop(ArrivalPtr(arrivals.front()));
  }
  const auto current = sessions;
  for (const auto& session : current) session->tick(at);
  forget_closed();
  if (!sessions.empty() || !arrivals.empty()) tick_soon();
  for (const auto& listener : std::vector(listeners))
    if (!listener->waiting) accept_some(listener);
}

NetServer::NetServer(asio::io_context& loop, Api& api, NetLimits limits)
    : parts_(std::make_shared<Parts>(loop, api, limits)) {}

NetServer::~NetServer() {
  shut_down();
  parts_->timer.cancel();
  parts_->handshakes.join();
  for (const auto& arrival : std::exchange(parts_->arrivals, {})) arrival->conn->close();
  for (const auto& session : std::exchange(parts_->sessions, {})) session->cut();
}

void NetServer::use(std::shared_ptr<TlsContext> context) { parts_->tls = std::move(context); }
void NetServer::limit(const NetLimits& limits) { parts_->limit(limits); }

Status NetServer::listen(const std::vector<Endpoint>& addresses) {
  auto& listeners = parts_->listeners;
  std::erase_if(listeners, [&](const auto& listener) {
    if (std::find(addresses.begin(), addresses.end(), listener->where) != addresses.end())
      return false;
    boost::system::error_code ignored;
    listener->socket.close(ignored);
    return true;
  });
  Status first;
  for (const Endpoint& address : addresses) {
    const auto there = [&](const auto& listener) { return listener->where == address; };
    if (std::any_of(listeners.begin(), listeners.end(), there)) continue;
    auto fd = listen_on(address);
    if (!fd.ok()) {
      if (first.ok()) first = Error(fd.error().code(), fd.error().message());
      continue;
    }
    listeners.push_back(std::make_shared<Parts::Listener>(parts_->loop, address, *std::move(fd)));
    parts_->accept_soon(listeners.back());
  }
  return first;
}

std::vector<std::string> NetServer::listening() const {
  std::vector<std::string> out;
  for (const auto& listener : parts_->listeners) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(const_cast<stream_descriptor&>(listener->socket).native_handle(),
                  reinterpret_cast<sockaddr*>(&address), &size);
    const bool six = address.ss_family == AF_INET6;
    Endpoint at = listener->where;
    at.port = ntohs(six ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                        : reinterpret_cast<const sockaddr_in&>(address).sin_port);
    out.push_back(at.text());
  }
  return out;
}

void NetServer::store_changed() {
  if (std::exchange(parts_->change_waits, true)) return;
  asio::post(parts_->loop, [parts = parts_] {
    parts->change_waits = false;
    const auto current = parts->sessions;
    for (const auto& session : current) session->store_changed();
  });
}

void NetServer::shut_down() {
  for (const auto& listener : std::exchange(parts_->listeners, {})) {
    boost::system::error_code ignored;
    listener->socket.close(ignored);
  }
  const auto current = parts_->sessions;
  for (const auto& session : current) session->shut_down();
}

bool NetServer::shaking() const { return parts_->shaking > 0; }

size_t NetServer::connections() const {
  const auto open = std::count_if(parts_->sessions.begin(), parts_->sessions.end(),
                                  [](const auto& session) { return !session->closed(); });
  return static_cast<size_t>(open) + parts_->arrivals.size();
}

}  // namespace bridle::api
