// UTF-8, checked strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
// Thread class: free functions; any thread.
#pragma once

#include <optional>
#include <string_view>

namespace bridle {

// Takes the first code point off text. Empty (text is left alone): text is empty or does not begin
// with a valid sequence.
std::optional<char32_t> take_utf8(std::string_view& text);
bool valid_utf8(std::string_view text);

}  // namespace bridle
