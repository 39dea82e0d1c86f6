#include "model/tree_builder.h"

#include <algorithm>
#include <cmath>

#include "model/path.h"
#include "model/utf8.h"

namespace bridle::model {
namespace {

struct Extent {
  size_t nodes = 1;
  size_t depth = 0;
};

// Recursion is bounded: every tree was built under a depth limit.
Extent extent(const json::value& value) {
  Extent sum;
  const auto add = [&](const json::value& item) {
    const Extent one = extent(item);
    sum.nodes += one.nodes;
    sum.depth = std::max(sum.depth, one.depth + 1);
  };
  if (const json::object* object = value.if_object()) {
    sum.depth = 1;
    for (const auto& item : *object) add(item.value());
  } else if (const json::array* list = value.if_array()) {
    sum.depth = 1;
    for (const json::value& item : *list) add(item);
  }
  return sum;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

bool TreeBuilder::refuse(Position at, std::string_view message) {
  if (!error_) {
    error_ = Error(Code::invalid, std::string(message));
    position_ = at;
  }
  return false;
}

PathHash TreeBuilder::next_path() const {
  if (frames_.empty()) return {};
  const Frame& frame = frames_.back();
  if (frame.is_object) return frame.path.key(*frame.key);
  return frame.path.index(frame.container.get_array().size());
}

std::string TreeBuilder::next_text() const {
  if (frames_.empty()) return {};
  const Frame& frame = frames_.back();
  if (frame.is_object) return path_to_key(frame.text, *frame.key);
  return path_to_index(frame.text, frame.container.get_array().size());
}

bool TreeBuilder::key(std::string_view key, Position at) {
  if (error_) return false;
  Frame& frame = frames_.back();
  if (key.size() > limits_.key_bytes)
    return refuse(at, "a key of " + std::to_string(key.size()) + " bytes; expected at most " +
                          std::to_string(limits_.key_bytes));
  if (has_control(key) || find_bad_utf8(key) != std::string_view::npos)
    return refuse(at, "key " + quoted(key) + ": expected UTF-8 without control characters");
  if (frame.container.get_object().contains(key))
    return refuse(at, path_to_key(frame.text, key) + ": the key is there twice");
  frame.key = std::string(key);
  if (source_ != nullptr) source_->add(next_path(), at);
  return true;
}

bool TreeBuilder::begin(Position at, json::value container) {
  if (error_) return false;
  if (frames_.size() >= limits_.depth)
    return refuse(at, "nested more than " + std::to_string(limits_.depth) + " deep");
  if (nodes_ == 0)
    return refuse(at, "too many values; expected at most " + std::to_string(limits_.nodes));
  --nodes_;
  const PathHash path = next_path();
  if (source_ != nullptr) source_->add(path, at);
  const bool is_object = container.is_object();
  frames_.push_back({is_object, std::move(container), {}, path, next_text()});
  return true;
}

bool TreeBuilder::begin_object(Position at) { return begin(at, json::object()); }
bool TreeBuilder::begin_list(Position at) { return begin(at, json::array()); }

bool TreeBuilder::end() {
  if (error_) return false;
  json::value whole = std::move(frames_.back().container);
  frames_.pop_back();
  attach(std::move(whole));
  return true;
}

bool TreeBuilder::value(json::value value, Position at) {
  if (error_) return false;
  const Extent size = extent(value);
  if (frames_.size() + size.depth > limits_.depth)
    return refuse(at, "nested more than " + std::to_string(limits_.depth) + " deep");
  if (size.nodes > nodes_)
    return refuse(at, "too many values; expected at most " + std::to_string(limits_.nodes));
  if (value.is_double() && !std::isfinite(value.get_double()))
    return refuse(at, "a number too large or not a number at all");
  nodes_ -= size.nodes;
  if (source_ != nullptr) source_->add(next_path(), at);
  attach(std::move(value));
  return true;
}

void TreeBuilder::attach(json::value value) {
  if (frames_.empty()) {
    root_ = std::move(value);
    done_ = true;
    last_ = &root_;
    return;
  }
  Frame& frame = frames_.back();
  if (frame.is_object) {
    const auto placed = frame.container.get_object().emplace(*frame.key, std::move(value)).first;
    last_ = &placed->value();
    frame.key.reset();
  } else {
    frame.container.get_array().push_back(std::move(value));
    last_ = &frame.container.get_array().back();
  }
}

}  // namespace bridle::model
