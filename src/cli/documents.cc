#include "cli/documents.h"

#include <algorithm>
#include <charconv>

namespace bridle::cli {
namespace {

void write_json(std::string& out, const json::value& value, size_t indent) {
  const std::string inner(indent + 2, ' ');
  const std::string outer(indent, ' ');
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out += "{\n";
    for (auto it = object->begin(); it != object->end(); ++it) {
      out += inner + json::serialize(json::string(it->key())) + ": ";
      write_json(out, it->value(), indent + 2);
      out += std::next(it) == object->end() ? "\n" : ",\n";
    }
    out += outer + "}";
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    out += "[\n";
    for (size_t i = 0; i < array->size(); ++i) {
      out += inner;
      write_json(out, (*array)[i], indent + 2);
      out += i + 1 == array->size() ? "\n" : ",\n";
    }
    out += outer + "]";
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string pretty_json(const json::value& value) {
  std::string out;
  write_json(out, value, 0);
  return out + "\n";
}

std::string plain(const json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return std::string(value.get_string());
  return json::serialize(value);
}

const json::value& at(const json::value& value, std::string_view path) {
  static const json::value nothing;
  const json::value* here = &value;
  while (!path.empty()) {
    const size_t end = std::min(path.find('.'), path.size());
    const auto* object = here->if_object();
    if (object == nullptr) return nothing;
    here = object->if_contains(path.substr(0, end));
    if (here == nullptr) return nothing;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return *here;
}

std::string text_at(const json::value& value, std::string_view path) {
  const json::value& found = at(value, path);
  return found.is_string() ? std::string(found.get_string()) : std::string();
}

double number_at(const json::value& value, std::string_view path) {
  const json::value& found = at(value, path);
  if (found.is_number()) return found.to_number<double>();
  if (const auto* text = found.if_string()) {
    double number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error == std::errc() && end == text->data() + text->size()) return number;
  }
  return 0;
}

}  // namespace bridle::cli
