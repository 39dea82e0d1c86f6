// The API over real TCP and TLS on the loopback: one loop, driven by hand, and OpenSSL clients that
// take their turns between.
#include "api/net_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <thread>

#include "api/testing.h"
#include "base/free_with.h"
#include "wire/socket.h"

namespace bridle::api {
namespace {

using testing::text;
using testing::World;

std::string get(std::string_view target, const std::string& token = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: bridle\r\n" +
         (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + "\r\n";
}

struct Client {
  Fd fd;
  std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>> context;
  std::unique_ptr<SSL, FreeWith<SSL_free>> ssl;
};

class Network : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    ASSERT_TRUE(*world_.backend.authority().ensure({"127.0.0.1"}, real_now()));
    serve({});
  }
  void TearDown() override {
    server_.reset();
    turn();
  }
  static WallTime real_now() { return SystemClock().wall(); }

  void serve(const NetLimits& limits) {
    server_ = std::make_unique<NetServer>(loop_, world_.api, limits);
    server_->use(*TlsContext::make(world_.backend.authority().keys()));
    ASSERT_TRUE(server_->listen({{"127.0.0.1", 0}}).ok());
    ASSERT_EQ(server_->listening().size(), 1u);
    port_ = parse_endpoint(server_->listening()[0])->port;
  }
  void turn() {
    for (int turns = 0; turns < 1000;) {
      loop_.restart();
      if (loop_.poll() > 0) {
        ++turns;
      } else {
        if (!server_ || !server_->shaking()) return;
        std::this_thread::yield();
      }
    }
  }
  void pass(Duration time) {
    world_.backend.tick = world_.backend.tick + time;
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(1100));
  }

  Fd connect(const char* from = "127.0.0.1") {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &address.sin_addr);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(port_);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    const int on = 1;  // else a request waits in the kernel for the handshake's acknowledgement
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    turn();
    return fd;
  }
  Client client(Fd fd, int newest = TLS1_3_VERSION, const std::string& certificate = {},
                const std::string& key = {}) {
    Client out{std::move(fd), nullptr, nullptr};
    out.context.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_max_proto_version(out.context.get(), newest);
    if (!certificate.empty()) {
      use(out.context.get(), certificate, key);
    }
    out.ssl.reset(SSL_new(out.context.get()));
    SSL_set_fd(out.ssl.get(), out.fd.get());
    SSL_set_connect_state(out.ssl.get());
    return out;
  }
  static void use(SSL_CTX* context, const std::string& certificate, const std::string& key) {
    BIO* bio = BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size()));
    X509* cert = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(key.data(), static_cast<int>(key.size()));
    EVP_PKEY* own = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    EXPECT_EQ(SSL_CTX_use_certificate(context, cert), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context, own), 1);
    X509_free(cert);
    EVP_PKEY_free(own);
  }
  bool shake(Client& client) {
    for (int i = 0; i < 100; ++i) {
      ERR_clear_error();
      const int done = SSL_do_handshake(client.ssl.get());
      turn();
      if (done == 1) return true;
      if (SSL_get_error(client.ssl.get(), done) != SSL_ERROR_WANT_READ) return false;
    }
    return false;
  }
  // What comes after these bytes, until a pause or the end; `ended` says which.
  std::string ask(Client& client, const std::string& bytes) {
    size_t n = 0;
    if (!bytes.empty()) SSL_write_ex(client.ssl.get(), bytes.data(), bytes.size(), &n);
    std::string out;
    ended_ = false;
    for (int quiet = 0; quiet < 5 && !ended_;) {
      turn();
      char chunk[4096];
      ERR_clear_error();
      const int done = SSL_read_ex(client.ssl.get(), chunk, sizeof chunk, &n);
      if (done == 1)
        out.append(chunk, n);
      else if (SSL_get_error(client.ssl.get(), done) == SSL_ERROR_WANT_READ)
        ++quiet;
      else
        ended_ = true;
    }
    ERR_clear_error();
    return out;
  }
  int status(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
  }
  std::string token(const char* name = "ci", const char* role = "auditor") {
    const auto made = world_.ask(World::root, "POST", "/api/v1/auth/tokens",
                                 R"({"name":")" + std::string(name) + R"(","role":")" + role +
                                     R"(","projects":["*"],"expiresIn":3600})");
    EXPECT_EQ(made.status, 201);
    return text(made.body, "token");
  }

  World world_;
  boost::asio::io_context loop_;
  std::unique_ptr<NetServer> server_;
  uint16_t port_ = 0;
  bool ended_ = false;
};

TEST_F(Network, TokensLetInAndStrangersStayOut) {
  const std::string good = token();
  Client stranger = client(connect());
  ASSERT_TRUE(shake(stranger));
  const std::string answer = ask(stranger, get("/version"));
  EXPECT_EQ(status(answer), 401);
  EXPECT_NE(answer.find("WWW-Authenticate: Bearer"), std::string::npos);
  EXPECT_TRUE(ended_);
  ASSERT_EQ(world_.backend.refusals.size(), 1u);
  EXPECT_EQ(world_.backend.refusals[0].actor, "stranger");
  EXPECT_EQ(world_.backend.refusals[0].peer, "127.0.0.1");
  EXPECT_EQ(world_.backend.refusals[0].call, "GET /version");
  Client open = client(connect());
  ASSERT_TRUE(shake(open));
  EXPECT_EQ(status(ask(open, get("/healthz"))), 401);

  Client known = client(connect());
  ASSERT_TRUE(shake(known));
  EXPECT_EQ(status(ask(known, get("/version", good))), 200);
  EXPECT_FALSE(ended_);
  const std::string again = ask(known, get("/version", good));
  EXPECT_EQ(status(again), 200);
  EXPECT_NE(again.find("X-Request-Id: n-"), std::string::npos);
  // On the same connection another token counts for itself, and a revoked one for nothing.
  EXPECT_EQ(status(ask(known, get("/version", good.substr(0, good.size() - 1) + "x"))), 401);
  Client revoked = client(connect());
  ASSERT_TRUE(shake(revoked));
  EXPECT_EQ(status(ask(revoked, get("/version", good))), 200);
  world_.ask(World::root, "DELETE", "/api/v1/auth/credentials/ci");
  EXPECT_EQ(status(ask(revoked, get("/version", good))), 401);
}

TEST_F(Network, OnlyTls13IsSpoken) {
  Client old = client(connect(), TLS1_2_VERSION);
  EXPECT_FALSE(shake(old));
  const Fd plain = connect();
  ::send(plain.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
  turn();
  char byte = 0;
  while (::recv(plain.get(), &byte, 1, 0) > 0) continue;  // an alert, then the end
  EXPECT_EQ(server_->connections(), 0u);
  ASSERT_EQ(world_.backend.refusals.size(), 2u);
  EXPECT_NE(world_.backend.refusals[0].call.find("TLS: "), std::string::npos);
}

TEST_F(Network, CertificatesOfThisHostsAuthorityLetIn) {
  const std::string key = *make_key();
  const json::object body{{"name", "ann"},
                          {"role", "tenant"},
                          {"projects", {"lab"}},
                          {"request", *make_request(key, "ann")}};
  world_.backend.wall_time = real_now();
  const auto made =
      world_.ask(World::root, "POST", "/api/v1/auth/certificates", json::serialize(body));
  ASSERT_EQ(made.status, 201);
  const std::string certificate = text(made.body, "certificate");
  Client ann = client(connect(), TLS1_3_VERSION, certificate, key);
  ASSERT_TRUE(shake(ann));
  EXPECT_EQ(status(ask(ann, get("/version"))), 200);
  EXPECT_EQ(status(ask(ann, get("/api/v1/ledger"))), 403);
  ASSERT_FALSE(world_.backend.refusals.empty());
  EXPECT_EQ(world_.backend.refusals.back().actor, "certificate:ann");
  world_.ask(World::root, "DELETE", "/api/v1/auth/credentials/ann");
  EXPECT_EQ(status(ask(ann, get("/version"))), 401);

  Authority other("evil", [](const AuthorityKeys&) { return Status(); });
  ASSERT_TRUE(other.ensure({}, real_now()).ok());
  const auto foreign = other.sign_client("ann", *make_request(key, "ann"), real_now(),
                                         {real_now().ns + 3'600'000'000'000});
  Client evil = client(connect(), TLS1_3_VERSION, *foreign, key);
  shake(evil);  // a client of TLS 1.3 is done before the server has looked
  EXPECT_EQ(ask(evil, get("/version")), "");
  EXPECT_TRUE(ended_);
}

TEST_F(Network, RotationCutsNobody) {
  const std::string good = token();
  Client before = client(connect());
  ASSERT_TRUE(shake(before));
  EXPECT_EQ(status(ask(before, get("/version", good))), 200);
  ASSERT_TRUE(world_.backend.authority().rotate(false, real_now()).ok());
  server_->use(*TlsContext::make(world_.backend.authority().keys()));
  EXPECT_EQ(status(ask(before, get("/version", good))), 200);
  Client after = client(connect());
  ASSERT_TRUE(shake(after));
  EXPECT_EQ(status(ask(after, get("/version", good))), 200);
  EXPECT_NE(X509_cmp(SSL_get0_peer_certificate(before.ssl.get()),
                     SSL_get0_peer_certificate(after.ssl.get())),
            0);
}

TEST_F(Network, RevokedWatchesEnd) {
  const std::string good = token();
  Client watcher = client(connect());
  ASSERT_TRUE(shake(watcher));
  EXPECT_EQ(status(ask(watcher, get("/api/v1/watch", good))), 200);
  EXPECT_FALSE(ended_);
  world_.commit(credential_key("ci"), std::nullopt);  // the doorbell is not even rung
  pass(std::chrono::seconds(1));
  ask(watcher, {});
  EXPECT_TRUE(ended_);
}

// Somebody who still is somebody, but not there any more.
TEST_F(Network, ConsolesEndWithTheRightToThem) {
  const auto made = world_.ask(World::root, "POST", "/api/v1/auth/tokens",
                               R"({"name":"ci","role":"tenant","projects":["elsewhere"]})");
  world_.have(model::Kind::machine, "lab", "web", "{}");
  world_.have(model::Kind::binding, "lab", "ci",
              R"({"role":"tenant","subjects":[{"token":"ci"}]})");
  auto pair = wire::socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  world_.backend.console = std::move(pair->first);
  Client watcher = client(connect());
  ASSERT_TRUE(shake(watcher));
  std::string open = get("/api/v1/projects/lab/machines/web/console", text(made.body, "token"));
  open.insert(open.size() - 2, "Connection: Upgrade\r\nUpgrade: bridle-stream\r\n");
  EXPECT_EQ(status(ask(watcher, open)), 101);
  pass(std::chrono::seconds(1));
  ask(watcher, {});
  EXPECT_FALSE(ended_);
  world_.commit(model::spec_key(model::Kind::binding, "lab", "ci"), std::nullopt);
  pass(std::chrono::seconds(1));
  ask(watcher, {});
  EXPECT_TRUE(ended_);
}

TEST_F(Network, RequestsHaveARate) {
  NetLimits limits;
  limits.requests_a_second = 5;
  server_->limit(limits);
  const std::string good = token();
  Client busy = client(connect());
  ASSERT_TRUE(shake(busy));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status(ask(busy, get("/version", good))), 200);
  const std::string refused = ask(busy, get("/version", good));
  EXPECT_EQ(status(refused), 429);
  EXPECT_NE(refused.find("Retry-After: 1"), std::string::npos);
  EXPECT_FALSE(ended_);
  // Another identity from the same address still has its own, until the address has no more.
  const std::string other = token("other");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status(ask(busy, get("/version", other))), 200);
  EXPECT_EQ(status(ask(busy, get("/version", other))), 429);
  world_.backend.tick = world_.backend.tick + std::chrono::seconds(1);
  EXPECT_EQ(status(ask(busy, get("/version", good))), 200);
}

TEST_F(Network, WhoProvesNothingMakesRoom) {
  NetLimits limits;
  limits.unknown = 4;
  limits.connections_per_peer = 6;
  server_->limit(limits);
  const std::string good = token();
  Client known = client(connect());
  ASSERT_TRUE(shake(known));
  EXPECT_EQ(status(ask(known, get("/version", good))), 200);
  std::vector<Fd> silent;
  for (int i = 0; i < 8; ++i) silent.push_back(connect("127.0.0.2"));
  EXPECT_EQ(server_->connections(), 1 + 4u);
  EXPECT_EQ(status(ask(known, get("/version", good))), 200);
  Client late = client(connect());
  ASSERT_TRUE(shake(late));
  EXPECT_EQ(status(ask(late, get("/version", good))), 200);
  pass(std::chrono::seconds(11));
  EXPECT_EQ(server_->connections(), 2u);  // no handshake in time
  EXPECT_EQ(status(ask(known, get("/version", good))), 200);
}

TEST_F(Network, AnAddressHasSoManyConnections) {
  NetLimits limits;
  limits.connections_per_peer = 3;
  server_->limit(limits);
  std::vector<Fd> many;
  for (int i = 0; i < 5; ++i) many.push_back(connect("127.0.0.2"));
  EXPECT_EQ(server_->connections(), 3u);
  EXPECT_EQ(world_.backend.refusals.size(), 2u);
  EXPECT_EQ(world_.backend.refusals[0].status, 429);
  many.push_back(connect("127.0.0.3"));
  EXPECT_EQ(server_->connections(), 4u);
}

TEST_F(Network, SlowAndHalfClosedClientsAreCut) {
  const std::string good = token();
  Client slow = client(connect());
  ASSERT_TRUE(shake(slow));
  ask(slow, get("/version", good).substr(0, 30));
  pass(std::chrono::seconds(16));
  EXPECT_EQ(status(ask(slow, {})), 408);
  Client half = client(connect());
  ASSERT_TRUE(shake(half));
  ::shutdown(half.fd.get(), SHUT_WR);
  turn();
  pass(std::chrono::seconds(3));
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(Network, ListensWhereItIsToldAndNowhereElse) {
  const uint16_t before = port_;
  EXPECT_TRUE(server_->listen({{"127.0.0.1", 0}}).ok());
  EXPECT_EQ(parse_endpoint(server_->listening()[0])->port, before);
  const Fd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
  auto* const at = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(other.get(), at, size), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  ASSERT_EQ(::getsockname(other.get(), at, &size), 0);
  const uint16_t taken = ntohs(address.sin_port);
  EXPECT_FALSE(server_->listen({{"127.0.0.1", before}, {"127.0.0.2", taken}}).ok());
  ASSERT_EQ(server_->listening().size(), 1u);
  EXPECT_EQ(parse_endpoint(server_->listening()[0])->port, before);
  EXPECT_TRUE(server_->listen({}).ok());
  EXPECT_TRUE(server_->listening().empty());
}

}  // namespace
}  // namespace bridle::api
