// Helpers of the typed views' to_json: what is empty or zero is left out.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace bridle::model {

namespace json = boost::json;

inline void put(json::object& out, std::string_view key, std::string_view value) {
  if (!value.empty()) out[key] = value;
}
inline void put(json::object& out, std::string_view key, const std::string& value) {
  put(out, key, std::string_view(value));
}
inline void put(json::object& out, std::string_view key, uint64_t value) {
  if (value != 0) out[key] = value;
}
inline void put(json::object& out, std::string_view key, const std::optional<WallTime>& value) {
  if (value) out[key] = value->text();
}
inline void put(json::object& out, std::string_view key, const std::vector<std::string>& values) {
  if (!values.empty()) out[key] = json::array(values.begin(), values.end());
}
inline void put(json::object& out, std::string_view key,
                const std::map<std::string, std::string>& values) {
  if (values.empty()) return;
  json::object& inner = out[key].emplace_object();
  for (const auto& [name, value] : values) inner[name] = value;
}
inline void put(json::object& out, std::string_view key, json::array values) {
  if (!values.empty()) out[key] = std::move(values);
}
inline void put(json::object& out, std::string_view key, json::object values) {
  if (!values.empty()) out[key] = std::move(values);
}

}  // namespace bridle::model
