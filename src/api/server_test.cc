// The server over real unix sockets: one loop, driven by hand, and blocking clients between turns.
#include "api/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "api/testing.h"
#include "wire/socket.h"

namespace bridle::api {
namespace {

using testing::World;

std::string request(std::string_view method, std::string_view target, std::string_view more = {}) {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: bridle\r\n" +
         std::string(more) + "\r\n";
}

class Serving : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/bt-api-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    serve({});
  }
  void TearDown() override {
    server_.reset();
    turn();
    ::unlink((folder_ + "/sock").c_str());
    ::rmdir(folder_.c_str());
  }

  void serve(Limits limits) {
    auto listener = wire::listen_unix(folder_ + "/sock", SOCK_STREAM, 0600);
    ASSERT_TRUE(listener.ok());
    server_.reset();
    server_.emplace(loop_, world_.api, std::move(*listener), World::own_uid, limits);
  }
  Fd connect() {
    auto fd = wire::connect_unix(folder_ + "/sock", SOCK_STREAM | SOCK_NONBLOCK);
    EXPECT_TRUE(fd.ok());
    turn();
    return std::move(*fd);
  }
  void turn() {
    loop_.restart();
    for (int i = 0; i < 1000 && loop_.poll() > 0; ++i) continue;
  }
  void send(const Fd& fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
      turn();
      if (n < 0 && errno != EAGAIN) return;
    }
  }
  // What has come, up to a pause.
  std::string read(const Fd& fd) {
    std::string out;
    for (int quiet = 0; quiet < 3;) {
      turn();
      char buffer[4096];
      const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (n > 0)
        out.append(buffer, static_cast<size_t>(n));
      else
        ++quiet;
    }
    return out;
  }
  bool ended(const Fd& fd) {
    turn();
    char byte;
    return ::recv(fd.get(), &byte, 1, 0) == 0;
  }
  // Time passes for the sessions; the server's timer is real, so wait for one tick of it.
  void pass(Duration time) {
    world_.backend.tick = world_.backend.tick + time;
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(1100));
  }

  std::string folder_;
  World world_;
  boost::asio::io_context loop_;
  std::optional<Server> server_;
};

TEST_F(Serving, KeepsAliveAndPipelines) {
  const Fd fd = connect();
  send(fd, request("GET", "/healthz"));
  const std::string first = read(fd);
  EXPECT_EQ(first.substr(0, 17), "HTTP/1.1 200 OK\r\n");
  EXPECT_NE(first.find("Connection: keep-alive"), std::string::npos);
  EXPECT_NE(first.find("{\"status\":\"ok\"}"), std::string::npos);
  std::string many;
  for (int i = 0; i < 300; ++i) many += request("GET", "/healthz");
  send(fd, many);
  const std::string answers = read(fd);
  size_t count = 0;
  for (size_t at = answers.find("HTTP/1.1 200"); at != std::string::npos;
       at = answers.find("HTTP/1.1 200", at + 1))
    ++count;
  EXPECT_EQ(count, 300u);
  send(fd, request("GET", "/healthz", "Connection: close\r\n"));
  EXPECT_NE(read(fd).find("Connection: close"), std::string::npos);
  EXPECT_TRUE(ended(fd));
}

TEST_F(Serving, KnowsWhoAsks) {
  const auto caller = [&] {
    const auto pair = wire::socket_pair(SOCK_STREAM);
    return peer_caller(pair->first.get());
  }();
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->uid, ::getuid());
  EXPECT_EQ(caller->gid, ::getgid());
}

TEST_F(Serving, TakesBodies) {
  const Fd fd = connect();
  const std::string body =
      R"({"apiVersion":"bridle/v1","kind":"Secret","metadata":{},"spec":{"data":{"a":")" +
      std::string(60000, 'x') + "\"}}}";
  world_.have_role("me", "admin", ::getuid(), "[]");
  send(fd,
       request("PUT", "/api/v1/projects/lab/secrets/s",
               "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n"));
  EXPECT_EQ(read(fd), "HTTP/1.1 100 Continue\r\n\r\n");
  send(fd, body);
  EXPECT_EQ(read(fd).substr(0, 20), "HTTP/1.1 201 Created");
}

TEST_F(Serving, RefusesBeforeTheBody) {
  world_.have_role("me", "admin", ::getuid(), "[]");
  const std::string length = "Content-Length: 900000\r\n";
  for (const auto& [method, target, status] :
       {std::tuple{"PUT", "/nowhere", "404"},
        {"GET", "/healthz", "400"},
        {"POST", "/api/v1/projects/lab/machines/web/actions/start", "413"}}) {
    const Fd fd = connect();
    send(fd, request(method, target, length));
    EXPECT_EQ(read(fd).substr(9, 3), status) << target;
  }
}

TEST_F(Serving, AnswersNonsenseAndEnds) {
  const Fd fd = connect();
  send(fd, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(read(fd).substr(0, 12), "HTTP/1.1 400");
  EXPECT_TRUE(ended(fd));
}

TEST_F(Serving, CutsWhoIsSlow) {
  const Fd idle = connect(), slow = connect();
  send(slow, "GET /heal");
  pass(std::chrono::seconds(31));
  EXPECT_TRUE(ended(idle));
  EXPECT_EQ(read(slow).substr(0, 12), "HTTP/1.1 408");
  pass(std::chrono::seconds(3));
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(Serving, CutsWhoDoesNotRead) {
  world_.have_role("me", "admin", ::getuid(), "[]");
  const Fd fd = connect();
  int small = 4096;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  std::string many;
  for (int i = 0; i < 40; ++i) many += request("GET", "/openapi.json");
  ::send(fd.get(), many.data(), many.size(), MSG_NOSIGNAL);
  turn();
  EXPECT_EQ(server_->connections(), 1u);
  pass(std::chrono::seconds(31));
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(Serving, StreamsEvents) {
  world_.have_role("me", "admin", ::getuid(), "[]");
  const Fd fd = connect();
  send(fd, request("GET", "/api/v1/watch?kinds=machines"));
  EXPECT_NE(read(fd).find("Content-Type: text/event-stream"), std::string::npos);
  world_.have(model::Kind::machine, "lab", "web", "{}");
  server_->store_changed();
  EXPECT_NE(read(fd).find("event: put\n"), std::string::npos);
  pass(std::chrono::seconds(15));
  EXPECT_EQ(read(fd), ": heartbeat\n\n");
  server_->shut_down();
  EXPECT_EQ(read(fd), "id: 2\nevent: resume\ndata: {}\n\n");
  EXPECT_TRUE(ended(fd));
}

TEST_F(Serving, SlowWatchersAreCut) {
  world_.have_role("me", "admin", ::getuid(), "[]");
  const Fd fd = connect();
  send(fd, request("GET", "/api/v1/watch?since=0"));
  for (int i = 0; i < 3000; ++i)
    world_.have(model::Kind::machine, "lab", "m" + std::to_string(i), "{}");
  server_->store_changed();
  turn();
  EXPECT_EQ(server_->connections(), 1u);
  pass(std::chrono::seconds(31));
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(Serving, TunnelsConsoles) {
  world_.have_role("me", "admin", ::getuid(), R"(["lab"])");
  world_.have(model::Kind::machine, "lab", "web", "{}");
  auto pair = wire::socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  world_.backend.console = std::move(pair->first);
  const Fd guest = std::move(pair->second);
  const Fd fd = connect();
  send(fd, request("GET", "/api/v1/projects/lab/machines/web/console",
                   "Connection: Upgrade\r\nUpgrade: bridle-stream\r\n") +
               "early");
  const std::string head = read(fd);
  EXPECT_EQ(head.substr(0, 12), "HTTP/1.1 101");
  EXPECT_EQ(head.substr(head.size() - 4), "\r\n\r\n");
  EXPECT_EQ(read(guest), "early");
  send(guest, "login: ");
  EXPECT_EQ(read(fd), "login: ");
  // Much, both ways at once, through small sockets.
  const std::string big(300000, 'g');
  std::string up, down;
  size_t sent_up = 0, sent_down = 0;
  while (up.size() < big.size() || down.size() < big.size()) {
    const auto push = [&](const Fd& to, size_t& sent) {
      const ssize_t n = ::send(to.get(), big.data() + sent, big.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<size_t>(n);
    };
    if (sent_up < big.size()) push(fd, sent_up);
    if (sent_down < big.size()) push(guest, sent_down);
    up += read(guest);
    down += read(fd);
  }
  EXPECT_EQ(up, big);
  EXPECT_EQ(down, big);
  ::shutdown(guest.get(), SHUT_RDWR);
  EXPECT_TRUE(ended(fd));
}

TEST_F(Serving, LimitsConnections) {
  Limits limits;
  limits.connections = 3;
  serve(limits);
  std::vector<Fd> open;
  for (int i = 0; i < 3; ++i) open.push_back(connect());
  const Fd extra = connect();
  EXPECT_EQ(read(extra).substr(0, 12), "HTTP/1.1 503");
  EXPECT_TRUE(ended(extra));
  open.pop_back();
  turn();
  const Fd again = connect();
  send(again, request("GET", "/healthz"));
  EXPECT_EQ(read(again).substr(0, 12), "HTTP/1.1 200");
}

TEST_F(Serving, BoundsBodiesTogether) {
  world_.have_role("me", "admin", ::getuid(), "[]");
  Limits limits;
  limits.body_bytes = 100000;
  serve(limits);
  const Fd one = connect(), two = connect();
  const std::string head =
      request("PUT", "/api/v1/projects/lab/secrets/s", "Content-Length: 90000\r\n");
  send(one, head + std::string(60000, ' '));
  send(two, head + std::string(60000, ' '));
  EXPECT_EQ(read(two).substr(0, 12), "HTTP/1.1 503");
  send(one, std::string(30000, ' '));
  EXPECT_EQ(read(one).substr(0, 12), "HTTP/1.1 400");  // blanks are no JSON, but they came
}

TEST_F(Serving, OutlivesTheClient) {
  for (int i = 0; i < 20; ++i) {
    const Fd fd = connect();
    send(fd, request("GET", "/openapi.json"));
  }
  turn();
  pass(std::chrono::seconds(1));
  EXPECT_EQ(server_->connections(), 0u);
}

}  // namespace
}  // namespace bridle::api
