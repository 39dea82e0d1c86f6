#include "cli/http_response.h"

#include <algorithm>
#include <charconv>

namespace bridle::cli {
namespace {

Error corrupt(const std::string& what) {
  return Error(Code::corrupt, "the answer is not HTTP as bridled speaks it: " + what);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(c)) ==
               std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// All of `text` in `base`, at most 2^48: no sum of ours overflows.
Result<uint64_t> whole_number(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      value > (uint64_t{1} << 48))
    return corrupt("a length is not a number");
  return value;
}

}  // namespace

std::string_view ResponseParser::header(std::string_view name) const {
  const auto it = headers_.find(name);
  return it == headers_.end() ? std::string_view() : it->second;
}

Status ResponseParser::feed(std::string_view bytes) {
  buffer_ += bytes;
  while (true) {
    BRIDLE_TRY(const bool more, step());
    if (!more) return {};
  }
}

Status ResponseParser::finish() {
  if (state_ == State::until_close) state_ = State::done;
  if (state_ == State::done) return {};
  if (state_ == State::head && buffer_.empty())
    return Error(Code::unreachable, "bridled closed the connection without an answer");
  return Error(Code::unreachable, "bridled closed the connection in the middle of its answer");
}

Result<bool> ResponseParser::step() {
  switch (state_) {
    case State::head:
      return take_head();
    case State::length:
      return take_counted(State::done);
    case State::until_close:
      body_ += std::exchange(buffer_, {});
      return false;
    case State::chunk_size:
      return take_chunk_size();
    case State::chunk:
      return take_counted(State::chunk_end);
    case State::chunk_end:
      return take_chunk_end();
    case State::trailers:
      return take_trailer();
    case State::done:
      return false;
  }
  return false;
}

Result<bool> ResponseParser::take_line(std::string& line, size_t cap) {
  const size_t end = buffer_.find('\n');
  if (std::min(end, buffer_.size()) > cap) return corrupt("a line is too long");
  if (end == std::string::npos) return false;
  if (end == 0 || buffer_[end - 1] != '\r') return corrupt("a line does not end in CR LF");
  line = buffer_.substr(0, end - 1);
  buffer_.erase(0, end + 1);
  return true;
}

Result<bool> ResponseParser::take_head() {
  const size_t end = buffer_.find("\r\n\r\n");
  if (std::min(end, buffer_.size()) > max_head) return corrupt("the head is too long");
  if (end == std::string::npos) return false;
  std::string_view head = std::string_view(buffer_).substr(0, end);
  const std::string owned(head);
  buffer_.erase(0, end + 4);
  head = owned;
  headers_.clear();
  for (size_t count = 0; !head.empty(); ++count) {
    if (count > max_headers) return corrupt("too many header lines");
    const size_t line_end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, line_end);
    BRIDLE_CHECK(count == 0 ? parse_status_line(line) : parse_header(line));
    head.remove_prefix(std::min(line_end + 2, head.size()));
  }
  if (status_ == 0) return corrupt("there is no status line");
  if (status_ < 200 && status_ != 101) {
    status_ = 0;
    return true;  // interim: the real head follows
  }
  BRIDLE_CHECK(choose_framing());
  return true;
}

Status ResponseParser::parse_status_line(std::string_view line) {
  const bool shaped = line.size() >= 12 && (line.starts_with("HTTP/1.1 ")) &&
                      (line.size() == 12 || line[12] == ' ');
  if (!shaped) return corrupt("the status line is malformed");
  BRIDLE_TRY(const uint64_t status, whole_number(line.substr(9, 3), 10));
  if (status < 100 || status > 599) return corrupt("the status is out of range");
  status_ = static_cast<int>(status);
  return {};
}

Status ResponseParser::parse_header(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return corrupt("a header line is malformed");
  const std::string name = lower(line.substr(0, colon));
  const std::string value(trim(line.substr(colon + 1)));
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return corrupt("a header value holds control characters");
  const auto [it, fresh] = headers_.emplace(name, value);
  const bool framing = name == "content-length" || name == "transfer-encoding";
  if (!fresh && framing) return corrupt("two " + name + " headers");
  if (!fresh) it->second += ", " + value;
  return {};
}

Status ResponseParser::choose_framing() {
  const bool has_length = headers_.contains("content-length");
  const bool has_encoding = headers_.contains("transfer-encoding");
  if (has_length && has_encoding) return corrupt("both content-length and transfer-encoding");
  if (status_ == 101 || status_ == 204 || status_ == 304) {
    state_ = State::done;
  } else if (has_encoding) {
    if (lower(header("transfer-encoding")) != "chunked")
      return corrupt("an unknown transfer-encoding");
    state_ = State::chunk_size;
  } else if (has_length) {
    BRIDLE_TRY(remaining_, whole_number(header("content-length"), 10));
    state_ = remaining_ == 0 ? State::done : State::length;
  } else {
    state_ = State::until_close;
  }
  return {};
}

Result<bool> ResponseParser::take_counted(State next) {
  const size_t n = static_cast<size_t>(std::min<uint64_t>(remaining_, buffer_.size()));
  body_.append(buffer_, 0, n);
  buffer_.erase(0, n);
  remaining_ -= n;
  if (remaining_ == 0) state_ = next;
  return remaining_ == 0;
}

Result<bool> ResponseParser::take_chunk_size() {
  std::string line;
  BRIDLE_TRY(const bool whole, take_line(line, max_framing));
  if (!whole) return false;
  BRIDLE_TRY(remaining_, whole_number(trim(line.substr(0, line.find(';'))), 16));
  state_ = remaining_ == 0 ? State::trailers : State::chunk;
  return true;
}

Result<bool> ResponseParser::take_chunk_end() {
  if (buffer_.size() < 2) return false;
  if (!buffer_.starts_with("\r\n")) return corrupt("a chunk does not end where it said");
  buffer_.erase(0, 2);
  state_ = State::chunk_size;
  return true;
}

Result<bool> ResponseParser::take_trailer() {
  std::string line;
  BRIDLE_TRY(const bool whole, take_line(line, max_framing));
  if (!whole) return false;
  trailer_bytes_ += line.size();
  if (trailer_bytes_ > max_framing) return corrupt("the trailers are too long");
  if (line.empty()) state_ = State::done;
  return true;
}

}  // namespace bridle::cli
