// TreeBuilder: makes a JSON value from a parser's events (object begins, key, number, ...), for
// JSON and YAML alike. Holds untrusted documents to the bounds of text_limits.h, refuses duplicate
// keys, and notes where everything stands.
//
// Each step returns false once something is refused; error() then says what, and position() where.
// Thread class: a value.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/source_map.h"

namespace bridle::model {

namespace json = boost::json;

struct TextLimits {
  size_t bytes = 4 << 20;
  size_t depth = 32;  // objects and lists inside each other
  size_t nodes =
      100000;  // values of all documents together, aliases counted as what they stand for
  size_t key_bytes = 128;
  size_t documents = 1000;
};

class TreeBuilder {
 public:
  // nodes: what is left of the budget; both are borrowed. source may be null.
  TreeBuilder(const TextLimits& limits, size_t& nodes, SourceMap* source)
      : limits_(limits), nodes_(nodes), source_(source) {}

  bool begin_object(Position at);
  bool begin_list(Position at);
  bool end();  // of the innermost object or list
  // The key of the next value. REQUIRES: expects_key().
  bool key(std::string_view key, Position at);
  // A scalar, or a whole tree (an alias), whose nodes and depth count.
  bool value(json::value value, Position at);

  bool expects_key() const { return !frames_.empty() && frames_.back().is_object && !has_key(); }
  size_t depth() const { return frames_.size(); }
  bool complete() const { return done_; }
  // REQUIRES: complete().
  json::value take() { return std::move(root_); }
  // The value that was completed last.
  const json::value& last() const { return *last_; }

  bool refuse(Position at, std::string_view message);
  const std::optional<Error>& error() const { return error_; }
  Position position() const { return position_; }

 private:
  struct Frame {
    bool is_object;
    json::value container;
    std::optional<std::string> key;  // of the value that comes next
    PathHash path;
    std::string text;  // of the path, for messages
  };

  bool has_key() const { return frames_.back().key.has_value(); }
  bool begin(Position at, json::value container);
  PathHash next_path() const;
  std::string next_text() const;
  void attach(json::value value);

  const TextLimits& limits_;
  size_t& nodes_;
  SourceMap* source_;
  std::vector<Frame> frames_;
  json::value root_;
  const json::value* last_ = nullptr;
  bool done_ = false;
  std::optional<Error> error_;
  Position position_;
};

}  // namespace bridle::model
