#include "cli/http_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bridle::cli {
namespace {

Status send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("sending to bridled");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

std::string head_of(const Request& request, const Server& server) {
  std::string out = request.method + " " + request.target + " HTTP/1.1\r\nHost: bridled\r\n";
  bool has_connection = false;
  for (const auto& [name, value] : server.headers) out += name + ": " + value + "\r\n";
  for (const auto& [name, value] : request.headers) {
    out += name + ": " + value + "\r\n";
    has_connection = has_connection || name == "Connection";
  }
  if (!has_connection) out += "Connection: close\r\n";
  if (!request.body.empty()) out += "Content-Type: application/json\r\n";
  if (!request.body.empty() || request.method != "GET")
    out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return out + "\r\n";
}

}  // namespace

std::string encode(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

Result<std::string> Stream::read_some(Duration patience) {
  if (std::string ready = std::exchange(first_, {}) + parser_.take_body();
      !ready.empty() || parser_.done())
    return ready;
  pollfd wanted{fd_.get(), POLLIN, 0};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  const int n = ::poll(&wanted, 1, static_cast<int>(ms));
  if (n < 0 && errno != EINTR) return errno_error("waiting for bridled");
  if (n <= 0) return std::string();
  char chunk[65536];
  const ssize_t got = ::recv(fd_.get(), chunk, sizeof chunk, 0);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return std::string();
  if (got < 0) return errno_error("reading bridled's answer");
  if (got == 0)
    BRIDLE_CHECK(parser_.finish());
  else
    BRIDLE_CHECK(parser_.feed({chunk, static_cast<size_t>(got)}));
  return parser_.take_body();
}

Result<Dialed> HttpClient::connect() const {
  if (server_.remote) return dial(*server_.remote);
  const auto away = [&](const std::string& why) {
    return Error(Code::unreachable, "no bridled answers at " + server_.socket_path + " (" + why +
                                        "); start it with: bridle-supervise --root " +
                                        server_.root);
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (server_.socket_path.size() >= sizeof address.sun_path)
    return Error(Code::invalid, "the socket's path is too long: " + server_.socket_path);
  std::memcpy(address.sun_path, server_.socket_path.c_str(), server_.socket_path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("making a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return Dialed{std::move(fd), nullptr};
  if (errno == EACCES || errno == EPERM)
    return Error(Code::unauthorized,
                 "may not open " + server_.socket_path + ": " + std::strerror(errno));
  return away(std::strerror(errno));
}

Result<Stream> HttpClient::open(const Request& request) const {
  BRIDLE_TRY(Dialed dialed, connect());
  // A server that refuses early may close before it read everything: its answer still counts.
  const Status sent = send_all(dialed.fd.get(), head_of(request, server_) + request.body);
  Stream stream(std::move(dialed.fd), ResponseParser());
  SystemClock clock;
  const Tick deadline = clock.now() + patience_;
  while (!stream.parser_.head_done()) {
    const Duration left = deadline - clock.now();
    if (left <= Duration::zero())
      return Error(Code::unreachable, "bridled took the request and did not answer within " +
                                          std::to_string(patience_ / std::chrono::seconds(1)) +
                                          " s; see its log");
    auto some = stream.read_some(left);
    // A client certificate that is refused is heard of only here.
    if (!some.ok() && dialed.end && !dialed.end->why().empty())
      return Error(Code::unauthorized, server_.remote->endpoint.text() +
                                           " ended the connection: TLS: " + dialed.end->why());
    if (!some.ok()) return sent.ok() ? std::move(some).error() : sent.error();
    if (!some->empty()) stream.first_ += *some;
  }
  return stream;
}

Result<Response> HttpClient::request(const Request& request) const {
  BRIDLE_TRY(Stream stream, open(request));
  Response response{stream.status(), {}};
  while (true) {
    SystemClock clock;
    const Tick before = clock.now();
    BRIDLE_TRY(const std::string some, stream.read_some(patience_));
    response.body += some;
    if (response.body.size() > max_body)
      return Error(Code::exhausted, "bridled's answer is larger than 64 MiB");
    if (some.empty() && stream.ended()) return response;
    if (some.empty() && clock.now() - before >= patience_)
      return Error(Code::unreachable, "bridled stopped in the middle of its answer");
  }
}

Result<HttpClient::Upgraded> HttpClient::upgrade(Request request, std::string_view protocol) const {
  request.headers.emplace_back("Connection", "Upgrade");
  request.headers.emplace_back("Upgrade", std::string(protocol));
  BRIDLE_TRY(Stream stream, open(request));
  Upgraded out;
  if (stream.status() == 101) {
    out.stream = RawStream{std::move(stream.fd_), stream.parser_.take_rest()};
    return out;
  }
  out.refusal.status = stream.status();
  while (!stream.ended() && out.refusal.body.size() < max_body) {
    BRIDLE_TRY(const std::string some, stream.read_some(patience_));
    if (some.empty() && !stream.ended()) break;
    out.refusal.body += some;
  }
  return out;
}

}  // namespace bridle::cli
