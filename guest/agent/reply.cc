#include "reply.h"

#include "request.h"

namespace bridle::agent {
namespace {

// One character of UTF-8 at text[0]; its length is put in `size`. Not valid: U+FFFD and one byte.
uint32_t next_character(std::string_view text, size_t& size) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  size = 1;
  if (first < 0x80) return first;
  const size_t length = first >= 0xf0 && first < 0xf5   ? 4
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xc2 && first < 0xe0 ? 2
                                                        : 0;
  if (length == 0 || text.size() < length) return 0xfffd;
  uint32_t c = first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0xfffd;
    c = c << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0xfffd;
  size = length;
  return c;
}

void put_u(std::string& out, uint32_t unit) {
  constexpr char digits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 15];
}

void put_character(std::string& out, uint32_t c) {
  if (c == '"' || c == '\\') {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c >= 0x20 && c < 0x7f) {
    out += static_cast<char>(c);
  } else if (c < 0x10000) {
    put_u(out, c);
  } else {
    put_u(out, 0xd800 + ((c - 0x10000) >> 10));
    put_u(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
  }
}

}  // namespace

bool put_string(std::string& out, std::string_view text, size_t most) {
  constexpr size_t longest_character = 12;  // two \uXXXX
  const size_t limit = out.size() + most;
  out += '"';
  while (!text.empty() && out.size() + longest_character + 1 <= limit) {
    size_t size = 0;
    put_character(out, next_character(text, size));
    text.remove_prefix(size);
  }
  out += '"';
  return text.empty();
}

std::string begin_reply(uint64_t id, bool ok) {
  return "{\"id\":" + std::to_string(id) + ",\"ok\":" + (ok ? "true" : "false");
}

void put_member(std::string& out, std::string_view key, std::string_view text) {
  out += ",\"";
  out += key;
  out += "\":";
  put_string(out, text, 4096);
}

void put_member(std::string& out, std::string_view key, long long number) {
  out += ",\"";
  out += key;
  out += "\":";
  out += std::to_string(number);
}

std::string failure(uint64_t id, std::string_view error) {
  std::string out = begin_reply(id, false);
  put_member(out, "error", error);
  close(out);
  return out;
}

}  // namespace bridle::agent
