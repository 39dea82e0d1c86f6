#include "model/reader.h"

#include <algorithm>
#include <limits>

#include "model/quantity.h"

namespace bridle::model {
namespace {

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

}  // namespace

const json::value* Reader::find(std::string_view key) const {
  if (error_) return nullptr;
  const json::value* value = object_.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void Reader::fail(std::string_view key, std::string_view message) {
  if (!error_) error_ = Error(Code::invalid, path_to_key(path_, key) + ": " + std::string(message));
}

void Reader::adopt(const Reader& inner) {
  if (!error_) error_ = inner.error_;
}

Status Reader::status() const {
  if (error_) return *error_;
  return {};
}

void Reader::text(std::string_view key, std::string& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return fail(key, "expected text");
  out = view(value->get_string());
}

void Reader::texts(std::string_view key, std::vector<std::string>& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return fail(key, "expected a list");
  out.clear();
  for (const json::value& item : value->get_array()) {
    if (!item.is_string()) return fail(key, "expected a list of texts");
    out.emplace_back(view(item.get_string()));
  }
}

void Reader::map(std::string_view key, std::map<std::string, std::string>& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_object()) return fail(key, "expected an object");
  out.clear();
  for (const auto& item : value->get_object()) {
    if (!item.value().is_string()) return fail(key, "expected texts as values");
    out.emplace(item.key(), view(item.value().get_string()));
  }
}

void Reader::flag(std::string_view key, bool& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_bool()) return fail(key, "expected true or false");
  out = value->get_bool();
}

void Reader::number(std::string_view key, uint64_t& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (value->is_uint64()) {
    out = value->get_uint64();
  } else if (value->is_int64() && value->get_int64() >= 0) {
    out = static_cast<uint64_t>(value->get_int64());
  } else {
    fail(key, "expected a whole number, 0 or more");
  }
}

void Reader::number(std::string_view key, uint32_t& out) {
  uint64_t wide = out;
  number(key, wide);
  if (wide > std::numeric_limits<uint32_t>::max()) return fail(key, "too large");
  out = static_cast<uint32_t>(wide);
}

void Reader::bytes(std::string_view key, uint64_t& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  const auto read = bytes_of(*value);
  if (!read) return fail(key, read.error().message());
  out = *read;
}

void Reader::cores(std::string_view key, uint64_t& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  const auto read = cores_of(*value);
  if (!read) return fail(key, read.error().message());
  out = *read;
}

void Reader::duration(std::string_view key, Duration& out) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  const auto read = duration_of(*value);
  if (!read) return fail(key, read.error().message());
  out = *read;
}

void Reader::time(std::string_view key, std::optional<WallTime>& out) {
  std::string word;
  text(key, word);
  if (word.empty()) return;
  const auto read = WallTime::parse(word);
  if (!read) return fail(key, read.error().message());
  out = *read;
}

void Reader::uuid(std::string_view key, Uuid& out) {
  std::string word;
  text(key, word);
  if (word.empty()) return;
  const auto read = Uuid::parse(word);
  if (!read) return fail(key, read.error().message());
  out = *read;
}

void Reader::choose(std::string_view key, std::span<const std::string_view> words, size_t& index) {
  std::string word;
  text(key, word);
  if (word.empty()) return;
  const auto found = std::find(words.begin(), words.end(), word);
  if (found == words.end()) return fail(key, "\"" + word + "\" is none of the words it may be");
  index = static_cast<size_t>(found - words.begin());
}

}  // namespace bridle::model
