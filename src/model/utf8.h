// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace bridle::model {

// Bytes of the well-formed sequence that text begins with; 0: it begins with none (or is empty).
size_t utf8_length(std::string_view text);
// Offset of the first byte that is not UTF-8; npos: all of it is.
size_t find_bad_utf8(std::string_view text);

}  // namespace bridle::model
