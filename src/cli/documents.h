// Documents: JSON values as text for people, and their parts by path. Pure. YAML is model/yaml.h's.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace bridle::cli {

namespace json = boost::json;

std::string pretty_json(const json::value& value);  // two blanks a level, ends in a newline

// One line of one value: a string as it is, the rest as compact JSON. Empty for null.
std::string plain(const json::value& value);
// The value at "metadata.labels.tier"; null when any step is missing or no object.
const json::value& at(const json::value& value, std::string_view path);
// The string there; empty when there is none.
std::string text_at(const json::value& value, std::string_view path);
// The number there, also when it is written as a string of digits; 0 when there is none.
double number_at(const json::value& value, std::string_view path);

}  // namespace bridle::cli
