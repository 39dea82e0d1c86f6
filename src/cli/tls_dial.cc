#include "cli/tls_dial.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "base/certificate.h"
#include "base/free_with.h"

namespace bridle::cli {
namespace {

constexpr int dial_patience_ms = 10'000;

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, FreeWith<X509_free>>;
using TlsRules = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, FreeWith<SSL_free>>;

Cert read_cert(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

std::string tls_error() {
  const unsigned long code = ERR_peek_last_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "it hung up" : text;
}

Error away(const Endpoint& endpoint, const std::string& why) {
  return Error(Code::unreachable, "no bridled answers at " + endpoint.text() + " (" + why + ")");
}

bool wait_for(int fd, short events, int ms) {
  pollfd wanted{fd, events, 0};
  int n = 0;
  do {
    n = ::poll(&wanted, 1, ms);
  } while (n < 0 && errno == EINTR);
  return n > 0;
}

Result<Fd> connect_one(const addrinfo& address) {
  Fd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("making a socket");
  int error = 0;
  socklen_t size = sizeof error;
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno_error("connecting");
    if (!wait_for(fd.get(), POLLOUT, dial_patience_ms))
      return Error(Code::unreachable, "no answer within 10 s");
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Error(Code::unreachable, std::strerror(error));
  }
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

Result<Fd> connect_tcp(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (failed != 0) return away(endpoint, ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, FreeWith<::freeaddrinfo>> all(found);
  std::string why = "it has no address";
  for (const addrinfo* at = all.get(); at != nullptr; at = at->ai_next) {
    auto fd = connect_one(*at);
    if (fd.ok()) return fd;
    why = fd.error().message();
  }
  return away(endpoint, why);
}

TlsRules new_rules() {
  TlsRules rules(SSL_CTX_new(TLS_client_method()));
  if (!rules || SSL_CTX_set_min_proto_version(rules.get(), TLS1_3_VERSION) != 1) return nullptr;
  SSL_CTX_set_mode(rules.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return rules;
}

Status use_own(SSL_CTX* rules, const Remote& remote) {
  if (remote.certificate.empty()) return {};
  const Cert own = read_cert(remote.certificate);
  const Bio bio(BIO_new_mem_buf(remote.key.data(), static_cast<int>(remote.key.size())));
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (own && key && SSL_CTX_use_certificate(rules, own.get()) == 1 &&
      SSL_CTX_use_PrivateKey(rules, key.get()) == 1 && SSL_CTX_check_private_key(rules) == 1)
    return {};
  ERR_clear_error();
  return Error(Code::invalid, "the context's client certificate and key do not belong together");
}

Result<TlsRules> rules_for(const Remote& remote) {
  TlsRules rules = new_rules();
  if (!rules) return Error(Code::internal, "OpenSSL makes no context");
  const Cert authority = read_cert(remote.authority);
  if (!authority || X509_STORE_add_cert(SSL_CTX_get_cert_store(rules.get()), authority.get()) != 1)
    return Error(Code::invalid, "the context has no good authority; add it anew");
  SSL_CTX_set_verify(rules.get(), SSL_VERIFY_PEER, nullptr);
  BRIDLE_CHECK(use_own(rules.get(), remote));
  return rules;
}

Status name_peer(SSL* tls, const Endpoint& endpoint) {
  const bool address = is_ip_address(endpoint.host);
  const bool named =
      address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), endpoint.host.c_str()) == 1
              : SSL_set1_host(tls, endpoint.host.c_str()) == 1 &&
                    SSL_set_tlsext_host_name(tls, endpoint.host.c_str()) == 1;
  if (named) return {};
  return Error(Code::internal, "OpenSSL does not take the name " + endpoint.host);
}

Error not_verified(const Endpoint& endpoint, long result) {
  if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return Error(Code::unauthorized,
                 "the certificate of " + endpoint.text() + " is not for " + endpoint.host +
                     ": dial a name that it has (bridle host cert show), or add this one to "
                     "spec.api.names of the Host");
  return Error(Code::unauthorized,
               endpoint.text() +
                   " is not the host that was accepted: " + X509_verify_cert_error_string(result) +
                   ". If its authority was rotated, compare the new fingerprint with `bridle host "
                   "cert show` there, and `bridle context add NAME --server " +
                   endpoint.text() + " --replace`");
}

Status shake_hands(SSL* tls, int fd, const Endpoint& endpoint) {
  SSL_set_fd(tls, fd);
  SSL_set_connect_state(tls);
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(tls);
    if (done == 1) return {};
    const int error = SSL_get_error(tls, done);
    const bool reads = error == SSL_ERROR_WANT_READ;
    if (!reads && error != SSL_ERROR_WANT_WRITE) {
      const long result = SSL_get_verify_result(tls);
      if (result != X509_V_OK) {
        ERR_clear_error();
        return not_verified(endpoint, result);
      }
      return away(endpoint, "TLS: " + tls_error());
    }
    if (!wait_for(fd, reads ? POLLIN : POLLOUT, dial_patience_ms))
      return away(endpoint, "no TLS handshake within 10 s");
  }
}

// Bytes both ways between a TLS connection and a local socket, until either ends.
class Relay {
 public:
  Relay(TlsRules rules, Tls tls, Fd remote, Fd local, std::shared_ptr<DialEnd> end)
      : rules_(std::move(rules)),
        tls_(std::move(tls)),
        remote_(std::move(remote)),
        local_(std::move(local)),
        end_(std::move(end)) {}

  void run() {
    while (!over_) {
      short remote_events = 0, local_events = 0;
      bool moved = pass_down(remote_events, local_events);
      moved = !over_ && pass_up(remote_events, local_events) ? true : moved;
      if (moved || over_) continue;
      pollfd wanted[2] = {{remote_.get(), remote_events, 0}, {local_.get(), local_events, 0}};
      ::poll(wanted, 2, -1);
    }
    SSL_shutdown(tls_.get());
    ERR_clear_error();
  }

 private:
  // True: some bytes moved.
  bool pass_down(short& remote_events, short& local_events) {
    if (down_.empty()) {
      char chunk[16384];
      size_t n = 0;
      ERR_clear_error();
      const int done = SSL_read_ex(tls_.get(), chunk, sizeof chunk, &n);
      if (done != 1) return stalled(done, remote_events);
      down_.assign(chunk, n);
    }
    const ssize_t n = ::send(local_.get(), down_.data(), down_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      local_events |= POLLOUT;
      return false;
    }
    if (n < 0) over_ = true;
    if (n > 0) down_.erase(0, static_cast<size_t>(n));
    return n > 0;
  }

  bool pass_up(short& remote_events, short& local_events) {
    if (up_.empty()) {
      char chunk[16384];
      const ssize_t n = ::recv(local_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        local_events |= POLLIN;
        return false;
      }
      if (n <= 0) {
        over_ = true;
        return false;
      }
      up_.assign(chunk, static_cast<size_t>(n));
    }
    size_t n = 0;
    ERR_clear_error();
    const int done = SSL_write_ex(tls_.get(), up_.data(), up_.size(), &n);
    if (done != 1) return stalled(done, remote_events);
    up_.erase(0, n);
    return true;
  }

  bool stalled(int done, short& remote_events) {
    switch (SSL_get_error(tls_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        remote_events |= POLLIN;
        return false;
      case SSL_ERROR_WANT_WRITE:
        remote_events |= POLLOUT;
        return false;
      case SSL_ERROR_ZERO_RETURN:
        break;
      default:
        end_->set(tls_error());
    }
    over_ = true;
    return false;
  }

  const TlsRules rules_;
  const Tls tls_;
  const Fd remote_, local_;
  const std::shared_ptr<DialEnd> end_;
  std::string up_, down_;
  bool over_ = false;
};

std::string pem_of(X509* cert) {
  const Bio bio(BIO_new(BIO_s_mem()));
  char* data = nullptr;
  if (!bio || PEM_write_bio_X509(bio.get(), cert) != 1) return {};
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

Result<Dialed> dial(const Remote& remote) {
  BRIDLE_TRY(TlsRules rules, rules_for(remote));
  BRIDLE_TRY(Fd fd, connect_tcp(remote.endpoint));
  Tls tls(SSL_new(rules.get()));
  if (!tls) return Error(Code::internal, "OpenSSL makes no connection");
  BRIDLE_CHECK(name_peer(tls.get(), remote.endpoint));
  BRIDLE_CHECK(shake_hands(tls.get(), fd.get(), remote.endpoint));
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return errno_error("making a pair of sockets");
  Dialed out{Fd(pair[0]), std::make_shared<DialEnd>()};
  const auto relay = std::make_shared<Relay>(std::move(rules), std::move(tls), std::move(fd),
                                             Fd(pair[1]), out.end);
  std::thread([relay] { relay->run(); }).detach();
  return out;
}

Result<std::string> authority_shown_by(const Endpoint& endpoint) {
  const TlsRules rules = new_rules();
  if (!rules) return Error(Code::internal, "OpenSSL makes no context");
  BRIDLE_TRY(const Fd fd, connect_tcp(endpoint));
  const Tls tls(SSL_new(rules.get()));
  if (!tls) return Error(Code::internal, "OpenSSL makes no connection");
  if (!is_ip_address(endpoint.host)) BRIDLE_CHECK(name_peer(tls.get(), endpoint));
  BRIDLE_CHECK(shake_hands(tls.get(), fd.get(), endpoint));
  X509* const own = SSL_get0_peer_certificate(tls.get());
  STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(tls.get());
  const int size = chain == nullptr ? 0 : sk_X509_num(chain);
  X509* const authority = size < 2 ? nullptr : sk_X509_value(chain, size - 1);
  if (own == nullptr || authority == nullptr || X509_check_ca(authority) != 1 ||
      X509_verify(own, X509_get0_pubkey(authority)) != 1) {
    ERR_clear_error();
    return Error(Code::refused, endpoint.text() +
                                    " shows no authority of its own: is it a Bridle "
                                    "host?");
  }
  return pem_of(authority);
}

}  // namespace bridle::cli
