// Plain scalars under the core schema of YAML 1.2 (chapter 10.3.2).
#include <algorithm>
#include <array>
#include <charconv>

#include "model/yaml.h"

namespace bridle::model {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

size_t digits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  return count;
}

// [-+]? [0-9]+
bool is_integer(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() && digits(text) == text.size();
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const size_t whole = digits(text);
  text.remove_prefix(whole);
  size_t fraction = 0;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    fraction = digits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (text.empty()) return true;
  return (text[0] == 'e' || text[0] == 'E') && is_integer(text.substr(1));
}

Result<json::value> integer(std::string_view text, int base) {
  const bool plus = text.starts_with('+');
  if (plus) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  int64_t small = 0;
  if (const auto read = std::from_chars(text.data(), end, small, base);
      read.ec == std::errc() && read.ptr == end)
    return json::value(small);
  uint64_t large = 0;
  if (const auto read = std::from_chars(text.data(), end, large, base);
      read.ec == std::errc() && read.ptr == end)
    return json::value(large);
  return Error(Code::invalid, "a number over 64 bits");
}

bool has_base(std::string_view text, std::string_view prefix, std::string_view alphabet) {
  return text.size() > 2 && text.starts_with(prefix) &&
         text.find_first_not_of(alphabet, 2) == std::string_view::npos;
}

}  // namespace

Result<json::value> core_scalar(std::string_view text) {
  static constexpr std::array<std::string_view, 5> nulls{"", "~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 3> yes{"true", "True", "TRUE"};
  static constexpr std::array<std::string_view, 3> no{"false", "False", "FALSE"};
  static constexpr std::array<std::string_view, 12> unsayable{".inf",  ".Inf",  ".INF",  "-.inf",
                                                              "-.Inf", "-.INF", "+.inf", "+.Inf",
                                                              "+.INF", ".nan",  ".NaN",  ".NAN"};
  if (is_one_of(text, nulls)) return json::value(nullptr);
  if (is_one_of(text, yes)) return json::value(true);
  if (is_one_of(text, no)) return json::value(false);
  if (is_one_of(text, unsayable))
    return Error(Code::invalid, "a number that is infinite or none; put text in quotes");
  if (has_base(text, "0o", "01234567")) return integer(text.substr(2), 8);
  if (has_base(text, "0x", "0123456789abcdefABCDEF")) return integer(text.substr(2), 16);
  if (is_integer(text)) return integer(text, 10);
  if (!is_float(text)) return json::value(json::string(text));
  const std::string_view number = text.starts_with('+') ? text.substr(1) : text;
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec != std::errc()) return Error(Code::invalid, "a number beyond what a double can hold");
  return json::value(value);
}

}  // namespace bridle::model
