#include "api/message.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace bridle::api {

namespace {

struct Phrase {
  int status;
  std::string_view text;
};

constexpr std::array phrases = {
    Phrase{100, "Continue"},
    Phrase{101, "Switching Protocols"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{413, "Content Too Large"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{417, "Expectation Failed"},
    Phrase{422, "Unprocessable Content"},
    Phrase{426, "Upgrade Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{503, "Service Unavailable"},
    Phrase{505, "HTTP Version Not Supported"},
};

void add_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

std::string status_line(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n";
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

std::string_view reason_phrase(int status) {
  for (const Phrase& phrase : phrases)
    if (phrase.status == status) return phrase.text;
  return "Status";
}

std::string render(const Response& response, std::string_view request_id, bool keep_alive) {
  std::string out = status_line(response.status);
  out.reserve(out.size() + 256 + response.body.size());
  add_field(out, "Content-Type", response.content_type);
  add_field(out, "Content-Length", std::to_string(response.body.size()));
  add_field(out, "X-Request-Id", request_id);
  add_field(out, "Cache-Control", "no-store");
  add_field(out, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) add_field(out, name, value);
  add_field(out, "Connection", keep_alive ? "keep-alive" : "close");
  return out.append("\r\n").append(response.body);
}

std::string chunk(std::string_view bytes) {
  char size[20];
  const int n = std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return std::string(size, static_cast<size_t>(n)).append(bytes).append("\r\n");
}

std::string render_stream_head(EventStream::Form form, std::string_view request_id) {
  std::string out = status_line(200);
  const bool events = form == EventStream::Form::events;
  add_field(out, "Content-Type", events ? "text/event-stream" : "application/json");
  if (!events) add_field(out, "Transfer-Encoding", "chunked");
  add_field(out, "X-Request-Id", request_id);
  add_field(out, "Cache-Control", "no-store");
  add_field(out, "Connection", "close");
  return out.append("\r\n");
}

std::string render_tunnel_head(std::string_view request_id) {
  std::string out = status_line(101);
  add_field(out, "X-Request-Id", request_id);
  add_field(out, "Connection", "Upgrade");
  add_field(out, "Upgrade", "bridle-stream");
  return out.append("\r\n");
}

}  // namespace bridle::api
