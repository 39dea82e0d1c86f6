#include "model/diff.h"

#include <algorithm>

#include "model/path.h"
#include "model/yaml.h"

namespace bridle::model {
namespace {

void walk(const json::value& before, const json::value& after, const std::string& path,
          std::vector<Change>& out);

void walk_objects(const json::object& before, const json::object& after, const std::string& path,
                  std::vector<Change>& out) {
  for (const auto& item : after) {
    const std::string place = path_to_key(path, {item.key().data(), item.key().size()});
    if (const json::value* old = before.if_contains(item.key()))
      walk(*old, item.value(), place, out);
    else
      out.push_back({place, {}, item.value()});
  }
  for (const auto& item : before)
    if (!after.contains(item.key()))
      out.push_back({path_to_key(path, {item.key().data(), item.key().size()}), item.value(), {}});
}

void walk_lists(const json::array& before, const json::array& after, const std::string& path,
                std::vector<Change>& out) {
  const size_t common = std::min(before.size(), after.size());
  for (size_t i = 0; i < common; ++i) walk(before[i], after[i], path_to_index(path, i), out);
  for (size_t i = common; i < after.size(); ++i)
    out.push_back({path_to_index(path, i), {}, after[i]});
  for (size_t i = common; i < before.size(); ++i)
    out.push_back({path_to_index(path, i), before[i], {}});
}

bool same_number(const json::value& a, const json::value& b) {
  return a.is_number() && b.is_number() && a.to_number<double>() == b.to_number<double>() &&
         (a.is_double() || b.is_double());
}

void walk(const json::value& before, const json::value& after, const std::string& path,
          std::vector<Change>& out) {
  if (before.is_object() && after.is_object())
    return walk_objects(before.get_object(), after.get_object(), path, out);
  if (before.is_array() && after.is_array())
    return walk_lists(before.get_array(), after.get_array(), path, out);
  if (before != after && !same_number(before, after)) out.push_back({path, before, after});
}

void append_side(std::string& out, char sign, const std::string& path, const json::value& value,
                 bool colour) {
  const bool block = (value.is_object() && !value.get_object().empty()) ||
                     (value.is_array() && !value.get_array().empty());
  std::string text = path.empty() ? "" : path + (block ? ":\n" : ": ");
  for (const char c : to_yaml(value)) {
    if (block && !path.empty() && text.back() == '\n') text += "  ";
    text += c;
  }
  if (colour) out += sign == '-' ? "\033[31m" : "\033[32m";
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    (out += sign) += ' ';
    out.append(text, at, end - at) += '\n';
    at = end + 1;
  }
  if (colour) out += "\033[0m";
}

}  // namespace

std::vector<Change> diff(const json::value& before, const json::value& after) {
  std::vector<Change> out;
  walk(before, after, "", out);
  return out;
}

std::string render(const std::vector<Change>& changes, bool colour) {
  std::string out;
  for (const Change& change : changes) {
    if (change.before) append_side(out, '-', change.path, *change.before, colour);
    if (change.after) append_side(out, '+', change.path, *change.after, colour);
  }
  return out;
}

}  // namespace bridle::model
