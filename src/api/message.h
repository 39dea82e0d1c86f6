// Request and Answer: HTTP messages as values, after the bytes were parsed and before they are
// written. Handlers know only these.
//
// Thread class: values.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace bridle::api {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // "GET"
  std::string path;    // percent-encoded, begins with '/'
  std::string query;   // what follows '?', percent-encoded; may be empty
  Fields headers;      // names in lower case, in the order they came
  std::string body;
  bool keep_alive = true;

  // The first header of this (lower-case) name; empty view: none.
  std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  Fields headers;  // besides Content-Length, Connection and X-Request-Id, which the session adds
  std::string content_type = "application/json";
  std::string body;
  bool denied = false;  // authorization or a limit said no: the ledger hears of it
};

// An answer whose end is not known yet: server-sent events (watch.h), or a list in pieces
// (object_read.cc). The session pulls; nothing is pushed at it.
class EventSource {
 public:
  virtual ~EventSource() = default;
  // What can be sent now, about `room` bytes (at most one event more). Empty: nothing now.
  virtual std::string pull(size_t room) = 0;
  // After 15 s without a byte: a bookmark or a comment.
  virtual std::string heartbeat() = 0;
  // The server goes down: the last event, which tells where to resume.
  virtual std::string farewell() = 0;
  virtual bool ended() const = 0;   // nothing will come any more: close after what was pulled
  virtual bool behind() const = 0;  // pull() stopped to let others run: call it again
};

struct EventStream {
  enum class Form { events, json };  // json: the source gives chunks, the last one included
  std::unique_ptr<EventSource> source;
  Form form = Form::events;
};

// 101, then raw bytes between the client and this socket.
struct Tunnel {
  Fd peer;
};

using Answer = std::variant<Response, EventStream, Tunnel>;
using Reply = std::function<void(Answer)>;  // called exactly once; copyable, so Answer is moved in

std::string_view reason_phrase(int status);
// The status line, headers and body as bytes.
std::string render(const Response& response, std::string_view request_id, bool keep_alive);
// The head of an answer that has no length.
std::string render_stream_head(EventStream::Form form, std::string_view request_id);
// As one chunk of a body; of nothing: the last one.
std::string chunk(std::string_view bytes);
std::string render_tunnel_head(std::string_view request_id);

}  // namespace bridle::api
