#include "api/url.h"

#include <algorithm>

#include "base/utf8.h"

namespace bridle::api {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

Result<std::string> decode_word(std::string_view word) {
  std::string spaced(word);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced);
}

}  // namespace

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0 || high + low == 0)
      return Error(Code::invalid, "a '%' in the URL is not followed by two hexadecimal digits");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (!valid_utf8(out)) return Error(Code::invalid, "the URL is not UTF-8");
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Result<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> out;
  if (path.empty() || path[0] != '/') return Error(Code::invalid, "the path must begin with '/'");
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view raw = path.substr(0, path.find('/'));
    path.remove_prefix(raw.size());
    BRIDLE_TRY(std::string segment, percent_decode(raw));
    if (segment.empty() || segment == "." || segment == ".." ||
        segment.find('/') != std::string::npos)
      return Error(Code::invalid, "the path has an empty or relative segment");
    out.push_back(std::move(segment));
  }
  return out;
}

Result<Query> parse_query(std::string_view query) {
  Query out;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const size_t mark = pair.find('=');
    BRIDLE_TRY(std::string key, decode_word(pair.substr(0, mark)));
    std::string value;
    if (mark != std::string_view::npos) {
      BRIDLE_TRY(value, decode_word(pair.substr(mark + 1)));
    }
    if (out.size() == max_query_parameters)
      return Error(Code::invalid, "the URL has too many parameters");
    if (!out.emplace(key, std::move(value)).second)
      return Error(Code::invalid, "the URL gives parameter \"" + key + "\" twice");
  }
  return out;
}

}  // namespace bridle::api
