// HttpParser: bytes of one connection in, requests out. Boost.Beast's parser reads the grammar;
// what it lets pass and we do not is refused here:
//
//   missing, empty or second Host; obs-fold; a bare LF; HTTP versions other than 1.1; a
//   Transfer-Encoding other than "chunked", or one beside Content-Length; more than max_headers
//   headers; a chunked body whose framing outweighs its content.
//
// One request goes through
//
//   header -> head -> body -> done -> (take) -> header
//
// and stops in `head`, so that the owner can look at the request line and say how large a body its
// route takes (accept_body). Bytes after the request stay for the next one (or for the tunnel).
//
// Thread class: a value. Errors: state failed; failure() has the HTTP status and a sentence.
// Bounds: never holds more than max_header_bytes plus one feed() of unparsed bytes, and the body.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/message.h"

namespace bridle::api {

constexpr size_t max_header_bytes = 16 << 10;
constexpr size_t max_headers = 64;
constexpr size_t max_body_bytes = 4 << 20;

struct HttpFailure {
  int status = 400;
  std::string message;
};

class HttpParser {
 public:
  enum class State { header, head, body, done, failed };

  HttpParser();
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;  // the grammar points into it
  HttpParser& operator=(const HttpParser&) = delete;

  State feed(std::string_view bytes);
  State state() const { return state_; }
  // REQUIRES: state() == failed.
  const HttpFailure& failure() const { return failure_; }

  // The request line and headers. REQUIRES: state() is head, body or done.
  const Request& request() const { return request_; }
  bool has_body() const;            // a Content-Length above 0, or chunked
  uint64_t content_length() const;  // 0: chunked or none
  size_t body_size() const { return request_.body.size(); }
  // REQUIRES: state() == head. limit: bytes, at most max_body_bytes; 0: no body is taken.
  State accept_body(size_t limit);

  // The whole request; the parser then goes on with what is buffered: look at state() again.
  // REQUIRES: state() == done.
  Request take();
  // Bytes beyond the request, for a tunnel. REQUIRES: state() == done.
  std::string take_rest();
  // No byte of a next request has come.
  bool idle() const { return state_ == State::header && buffer_.empty(); }

 private:
  class Grammar;

  State fail(int status, std::string message);
  State step_header();
  State step_body();
  std::optional<HttpFailure> check_block(std::string_view block) const;
  std::optional<HttpFailure> check_request();

  State state_ = State::header;
  std::string buffer_;
  size_t scanned_ = 0;   // of buffer_: no end of the header before here
  size_t limit_ = 0;     // of the body
  uint64_t framed_ = 0;  // bytes of the body as they came, framing included
  Request request_;
  HttpFailure failure_;
  std::unique_ptr<Grammar> grammar_;  // only while a request is being read
};

}  // namespace bridle::api
