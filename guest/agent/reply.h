// Replies to the host: one line of JSON each, never longer than longest_line.
// Thread class: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bridle::agent {

// Appends text as a JSON string with quotes, as ASCII: what is not valid UTF-8 becomes U+FFFD. At
// most `most` bytes are appended for it; true: all of it went in.
bool put_string(std::string& out, std::string_view text, size_t most);

// {"id":7,"ok":true   (open: the caller adds members and close())
std::string begin_reply(uint64_t id, bool ok);
void put_member(std::string& out, std::string_view key, std::string_view text);
void put_member(std::string& out, std::string_view key, long long number);
std::string failure(uint64_t id, std::string_view error);  // a whole line
inline void close(std::string& out) { out += "}\n"; }

}  // namespace bridle::agent
