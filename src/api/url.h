// The two halves of a request target, decoded. Hostile bytes: bounded, strict.
//
// Thread class: free functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::api {

constexpr size_t max_query_parameters = 16;

// "%2F" to "/". Code::invalid: a cut or non-hexadecimal escape, an escaped NUL, or no UTF-8.
Result<std::string> percent_decode(std::string_view text);
// Everything but unreserved characters (RFC 3986) as %XX.
std::string percent_encode(std::string_view text);

// "/a/b%20c" to {"a", "b c"}. Code::invalid: an empty segment, "." or "..", or an escaped '/'.
Result<std::vector<std::string>> split_path(std::string_view path);

using Query = std::map<std::string, std::string, std::less<>>;
// "a=1&b=x+y". Code::invalid: a parameter twice, or more than max_query_parameters.
Result<Query> parse_query(std::string_view query);

}  // namespace bridle::api
