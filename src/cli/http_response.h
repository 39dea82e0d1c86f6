// ResponseParser: an HTTP/1.1 response, fed in pieces of any size (RFC 9112). What it accepts is
// less than the RFC allows: bridled is the only server it meets, but the socket may be anyone's.
//
//   bounds      head 32 KiB and 100 header lines; chunk-size line and trailers 1 KiB together
//   framing     Content-Length or chunked; both, or two different lengths, are corrupt; neither:
//   the
//               body ends when the connection does; 204 and 304 have none
//   1xx         skipped, except 101, after which the rest of the stream is not HTTP any more
//
// take_body() hands out the decoded body as it arrives and keeps nothing; whoever collects it
// bounds it.
//
// Thread class: a value. Errors: Code::corrupt, with what was wrong.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace bridle::cli {

class ResponseParser {
 public:
  static constexpr size_t max_head = 32 << 10;
  static constexpr size_t max_headers = 100;
  static constexpr size_t max_framing = 1024;

  Status feed(std::string_view bytes);
  // The connection ended. Corrupt when the response had not.
  Status finish();

  bool head_done() const { return state_ != State::head; }
  bool done() const { return state_ == State::done; }
  int status() const { return status_; }
  // By lower-case name; empty when absent.
  std::string_view header(std::string_view name) const;

  std::string take_body() { return std::exchange(body_, {}); }
  // After 101: what came behind the head, which belongs to the new protocol.
  std::string take_rest() { return std::exchange(buffer_, {}); }

 private:
  enum class State { head, length, until_close, chunk_size, chunk, chunk_end, trailers, done };

  Result<bool> step();  // false: more bytes are needed
  Result<bool> take_head();
  Status parse_status_line(std::string_view line);
  Status parse_header(std::string_view line);
  Status choose_framing();
  Result<bool> take_counted(State next);
  Result<bool> take_chunk_size();
  Result<bool> take_chunk_end();
  Result<bool> take_trailer();
  // The next line without its CRLF, if it is whole.
  Result<bool> take_line(std::string& line, size_t cap);

  State state_ = State::head;
  std::string buffer_;
  std::string body_;
  int status_ = 0;
  uint64_t remaining_ = 0;
  size_t trailer_bytes_ = 0;
  std::map<std::string, std::string, std::less<>> headers_;
};

}  // namespace bridle::cli
