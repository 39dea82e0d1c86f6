// The one file that includes Beast.
#include "api/http_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cassert>

namespace bridle::api {

namespace http = boost::beast::http;
using boost::beast::error_code;

// Beast's grammar, writing into a Request.
class HttpParser::Grammar final : public http::basic_parser<true> {
 public:
  explicit Grammar(Request& request) : request_(request) {
    header_limit(max_header_bytes + 1);
    body_limit(max_body_bytes);
    eager(true);
  }
  // A chunk that announces more is refused before its bytes come.
  void limit_body(size_t bytes) {
    limit_ = bytes;
    body_limit(bytes);
  }
  int version() const { return version_; }

 private:
  void on_request_impl(http::verb, boost::beast::string_view method,
                       boost::beast::string_view target, int version, error_code&) override {
    version_ = version;
    request_.method.assign(method.data(), method.size());
    std::string_view whole(target.data(), target.size());
    const size_t mark = whole.find('?');
    request_.path = whole.substr(0, mark);
    if (mark != std::string_view::npos) request_.query = whole.substr(mark + 1);
  }
  void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}

  void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value,
                     error_code& ec) override {
    if (headers_done_) return;  // trailers are dropped
    if (request_.headers.size() >= max_headers) {
      ec = http::error::header_limit;
      return;
    }
    std::string lower(name.data(), name.size());
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    request_.headers.emplace_back(std::move(lower), std::string(value.data(), value.size()));
  }
  void on_header_impl(error_code&) override { headers_done_ = true; }
  void on_body_init_impl(boost::optional<uint64_t> const&, error_code&) override {}

  size_t append(boost::beast::string_view bytes, error_code& ec) {
    if (request_.body.size() + bytes.size() > limit_) {
      ec = http::error::body_limit;
      return 0;
    }
    request_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  size_t on_body_impl(boost::beast::string_view bytes, error_code& ec) override {
    return append(bytes, ec);
  }
  void on_chunk_header_impl(uint64_t, boost::beast::string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, boost::beast::string_view bytes, error_code& ec) override {
    return append(bytes, ec);
  }
  void on_finish_impl(error_code&) override {}

  Request& request_;
  size_t limit_ = 0;
  int version_ = 0;
  bool headers_done_ = false;
};

namespace {

// Framing (chunk sizes, extensions, trailers) may be as large as the content, and this much more.
constexpr uint64_t free_framing = 64 << 10;

int status_of(const error_code& ec) {
  if (ec == http::error::body_limit) return 413;
  if (ec == http::error::header_limit) return 431;
  if (ec == http::error::bad_version) return 505;
  return 400;
}

size_t count_of(const Request& request, std::string_view name) {
  return static_cast<size_t>(std::count_if(request.headers.begin(), request.headers.end(),
                                           [&](const auto& field) { return field.first == name; }));
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y;
         });
}

}  // namespace

HttpParser::HttpParser() = default;
HttpParser::~HttpParser() = default;

HttpParser::State HttpParser::fail(int status, std::string message) {
  failure_ = {status, std::move(message)};
  buffer_.clear();
  return state_ = State::failed;
}

HttpParser::State HttpParser::feed(std::string_view bytes) {
  if (state_ == State::failed) return state_;
  buffer_.append(bytes);
  if (state_ == State::header) return step_header();
  if (state_ == State::body) return step_body();
  return state_;
}

// What the block itself must be, before its grammar is read.
std::optional<HttpFailure> HttpParser::check_block(std::string_view block) const {
  for (size_t at = block.find('\n'); at != std::string_view::npos; at = block.find('\n', at + 1)) {
    if (at == 0 || block[at - 1] != '\r')
      return HttpFailure{400, "a header line ends in a bare LF; end lines with CR LF"};
    if (at + 1 < block.size() && (block[at + 1] == ' ' || block[at + 1] == '\t'))
      return HttpFailure{400, "a header is continued on a second line (obs-fold); send it in one"};
  }
  return std::nullopt;
}

HttpParser::State HttpParser::step_header() {
  if (!buffer_.empty() && (buffer_[0] < 'A' || buffer_[0] > 'Z'))
    return fail(400, "this is not an HTTP request: it begins with no method");
  const size_t end = buffer_.find("\r\n\r\n", scanned_);
  const size_t header_end = end == std::string::npos ? buffer_.size() : end + 4;
  if (header_end > max_header_bytes)
    return fail(431, "the request's headers are larger than 16 KiB");
  std::string_view block(buffer_.data(), header_end);
  if (auto wrong = check_block(block)) return fail(wrong->status, std::move(wrong->message));
  if (end == std::string::npos) {
    scanned_ = buffer_.size() < 3 ? 0 : buffer_.size() - 3;
    return state_;
  }
  request_ = Request{};
  framed_ = 0;
  grammar_ = std::make_unique<Grammar>(request_);
  error_code ec;
  const size_t used = grammar_->put(boost::asio::const_buffer(block.data(), block.size()), ec);
  // Only a request without body is complete by now; a body waits for accept_body.
  if (ec && ec != http::error::need_more)
    return fail(status_of(ec), "the request is malformed: " + ec.message());
  if (!grammar_->is_header_done() || used != block.size())
    return fail(400, "the request is malformed: its header does not end where it should");
  buffer_.erase(0, used);
  scanned_ = 0;
  if (auto wrong = check_request()) return fail(wrong->status, std::move(wrong->message));
  return state_ = State::head;
}

std::optional<HttpFailure> HttpParser::check_request() {
  if (grammar_->version() != 11) return HttpFailure{505, "speak HTTP/1.1"};
  if (request_.path.empty() || request_.path[0] != '/')
    return HttpFailure{400, "the request target must be a path that begins with '/'"};
  const auto printable = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::all_of(request_.path.begin(), request_.path.end(), printable) ||
      !std::all_of(request_.query.begin(), request_.query.end(), printable))
    return HttpFailure{400, "the request target must be ASCII; escape the rest with %"};
  if (count_of(request_, "host") != 1 || request_.header("host").empty())
    return HttpFailure{400, "send exactly one Host header"};
  const size_t encodings = count_of(request_, "transfer-encoding");
  const size_t lengths = count_of(request_, "content-length");
  if (encodings > 1 ||
      (encodings == 1 && !same_word(request_.header("transfer-encoding"), "chunked")))
    return HttpFailure{501, "the only transfer encoding is \"chunked\""};
  if (lengths > 1 || (lengths == 1 && encodings == 1))
    return HttpFailure{400, "the body's length is given twice: send one Content-Length or chunked"};
  request_.keep_alive = grammar_->keep_alive();
  return std::nullopt;
}

bool HttpParser::has_body() const { return grammar_ && !grammar_->is_done(); }

uint64_t HttpParser::content_length() const {
  return grammar_ ? grammar_->content_length().value_or(0) : 0;
}

HttpParser::State HttpParser::accept_body(size_t limit) {
  assert(state_ == State::head && limit <= max_body_bytes);
  if (!has_body()) return state_ = State::done;
  limit_ = limit;
  const std::string too_large = limit == 0
                                    ? "this request takes no body"
                                    : "the body is larger than " + std::to_string(limit) + " bytes";
  if (limit == 0 || content_length() > limit) return fail(limit == 0 ? 400 : 413, too_large);
  grammar_->limit_body(limit);
  state_ = State::body;
  return step_body();
}

HttpParser::State HttpParser::step_body() {
  size_t used = 0;
  error_code ec;
  while (used < buffer_.size() && !grammar_->is_done()) {
    const size_t n =
        grammar_->put(boost::asio::const_buffer(buffer_.data() + used, buffer_.size() - used), ec);
    used += n;
    if (ec || n == 0) break;
  }
  buffer_.erase(0, used);
  framed_ += used;
  if (ec && ec != http::error::need_more) {
    if (ec == http::error::body_limit)
      return fail(413, "the body is larger than " + std::to_string(limit_) + " bytes");
    return fail(status_of(ec), "the request's body is malformed: " + ec.message());
  }
  if (framed_ > 2 * uint64_t{limit_} + free_framing)
    return fail(400, "the chunks' framing outweighs their content");
  if (grammar_->is_done()) return state_ = State::done;
  if (buffer_.size() > max_header_bytes)
    return fail(400, "a chunk header or trailer is larger than 16 KiB");
  return state_;
}

Request HttpParser::take() {
  assert(state_ == State::done);
  grammar_.reset();
  Request out = std::move(request_);
  request_ = Request{};
  state_ = State::header;
  if (buffer_.empty())
    buffer_.shrink_to_fit();  // idle connections are cheap
  else
    step_header();
  return out;
}

std::string HttpParser::take_rest() {
  assert(state_ == State::done);
  return std::exchange(buffer_, {});
}

}  // namespace bridle::api
