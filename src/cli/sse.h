// EventParser: server-sent events (WHATWG HTML, section 9.2) out of a stream in pieces of any size.
// Comments are dropped; an event without data is dropped; "id" and "event" and "data" are
// understood.
//
// Bounds: an event's lines hold at most max_event bytes together (Code::exhausted).
// Thread class: a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::cli {

struct ServerEvent {
  std::string id;
  std::string event;
  std::string data;  // lines joined by '\n'
  bool operator==(const ServerEvent&) const = default;
};

class EventParser {
 public:
  static constexpr size_t max_event = 4 << 20;

  Status feed(std::string_view bytes);
  std::optional<ServerEvent> next();

 private:
  void take_field(std::string_view line);

  std::string buffer_;
  ServerEvent pending_;
  bool has_data_ = false;
};

}  // namespace bridle::cli
