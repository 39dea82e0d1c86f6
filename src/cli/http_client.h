// HttpClient: HTTP/1.1 over bridled's unix socket or TLS, one connection a request.
//
//   HttpClient client(Server{layout.api_socket(), layout.root()});
//   BRIDLE_TRY(const Response response, client.request({"GET", "/version"}));
//
// request() collects a bounded body; open() leaves the body to the caller as it arrives
// (server-sent events, ledger); upgrade() turns the connection into a raw stream (consoles).
//
// Times: a request waits `patience` for each piece of its answer. A signal that interrupts a wait
// (SIGINT) does not end it by itself: read_some() returns empty, and the caller looks at its flag.
//
// Thread class: one thread. Errors: unreachable (no daemon, or it hung up; the message says how to
// start it), corrupt (hostile or broken answer), exhausted (a bound).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "cli/http_response.h"
#include "cli/tls_dial.h"

namespace bridle::cli {

struct Request {
  std::string method;
  std::string target;  // "/api/v1/machines?limit=10", already encoded
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

struct Response {
  int status = 0;
  std::string body;
};

// A response whose body is still coming.
class Stream {
 public:
  Stream(Fd fd, ResponseParser parser) : fd_(std::move(fd)), parser_(std::move(parser)) {}

  int status() const { return parser_.status(); }
  int fd() const { return fd_.get(); }
  bool ended() const { return parser_.done() && first_.empty(); }
  // What has come, waiting up to `patience` for it; empty: nothing came in that time, or the end.
  Result<std::string> read_some(Duration patience);

 private:
  friend class HttpClient;
  Fd fd_;
  ResponseParser parser_;
  std::string first_;  // body that came while the head was awaited
};

// After an upgrade: raw bytes both ways; `first` came together with the answer.
struct RawStream {
  Fd fd;
  std::string first;
};

// Where bridled is, and what goes along with every request to it.
struct Server {
  std::string socket_path;
  std::string root;                   // for the hint that starts it
  std::optional<Remote> remote = {};  // then not the socket
  std::vector<std::pair<std::string, std::string>> headers = {};
};

class HttpClient {
 public:
  static constexpr size_t max_body = 64 << 20;

  explicit HttpClient(Server server, Duration patience = std::chrono::seconds(60))
      : server_(std::move(server)), patience_(patience) {}

  // The same client with another patience.
  HttpClient with_patience(Duration patience) const { return HttpClient(server_, patience); }

  Result<Response> request(const Request& request) const;
  // Returns when the head is there, whatever its status.
  Result<Stream> open(const Request& request) const;
  // Asks for `protocol`; an answer other than 101 comes back as Response for its error.
  struct Upgraded {
    std::optional<RawStream> stream;
    Response refusal;
  };
  Result<Upgraded> upgrade(Request request, std::string_view protocol) const;

 private:
  Result<Dialed> connect() const;

  Server server_;
  Duration patience_;
};

// Percent-encoding of one path segment or query value (RFC 3986 unreserved characters stay).
std::string encode(std::string_view text);

}  // namespace bridle::cli
