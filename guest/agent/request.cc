#include "request.h"

namespace bridle::agent {
namespace {

constexpr int deepest = 16;

void put_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 63));
    out += static_cast<char>(0x80 | ((c >> 6) & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

class Decoder {
 public:
  Decoder(std::string_view text, std::string& problem) : text_(text), problem_(problem) {}

  bool request(Request& out) {
    if (!expect('{')) return false;
    if (!peek('}')) {
      do {
        std::string key;
        if (!string(key) || !expect(':') || !member(key, out)) return false;
      } while (take(','));
    }
    if (!expect('}')) return false;
    blanks();
    if (at_ != text_.size()) return fail("bytes after the request");
    if (out.action.empty()) return fail("no \"do\" in the request");
    return true;
  }

 private:
  bool member(const std::string& key, Request& out) {
    if (key == "id") return number(out.id, UINT64_MAX);
    if (key == "do") return string(out.action);
    if (key == "argv") return strings(out.argv);
    if (key == "timeout") {
      uint64_t seconds = 0;
      if (!number(seconds, longest_timeout)) return false;
      out.timeout = seconds == 0 ? 1 : static_cast<unsigned>(seconds);
      return true;
    }
    return skip(0);
  }

  bool fail(std::string_view what) {
    if (problem_.empty()) problem_ = std::string(what) + " at byte " + std::to_string(at_);
    return false;
  }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  bool peek(char c) {
    blanks();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    ++at_;
    return true;
  }
  bool expect(char c) {
    if (take(c)) return true;
    return fail(std::string("expected '") + c + "'");
  }

  bool number(uint64_t& out, uint64_t most) {
    blanks();
    const size_t begin = at_;
    uint64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const auto digit = static_cast<uint64_t>(text_[at_] - '0');
      if (value > (most - digit) / 10) return fail("number too large");
      value = value * 10 + digit;
    }
    if (at_ == begin) return fail("expected a whole number");
    out = value;
    return true;
  }

  bool hex4(uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ >= text_.size()) return fail("cut escape");
      const char c = text_[at_];
      uint32_t digit = 0;
      if (c >= '0' && c <= '9')
        digit = static_cast<uint32_t>(c - '0');
      else if ((c | 32) >= 'a' && (c | 32) <= 'f')
        digit = static_cast<uint32_t>((c | 32) - 'a') + 10;
      else
        return fail("bad escape");
      out = out * 16 + digit;
    }
    return true;
  }

  bool unicode(std::string& out) {
    uint32_t c = 0;
    if (!hex4(c)) return false;
    if (c >= 0xd800 && c < 0xdc00) {
      uint32_t low = 0;
      if (text_.substr(at_, 2) != "\\u") return fail("half of a surrogate pair");
      at_ += 2;
      if (!hex4(low)) return false;
      if (low < 0xdc00 || low > 0xdfff) return fail("half of a surrogate pair");
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
      return fail("half of a surrogate pair");
    }
    put_utf8(out, c);
    return true;
  }

  bool escape(std::string& out) {
    if (at_ >= text_.size()) return fail("cut escape");
    const char c = text_[at_++];
    if (c == 'u') return unicode(out);
    constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    const size_t index = from.find(c);
    if (index == std::string_view::npos) return fail("bad escape");
    out += to[index];
    return true;
  }

  bool string(std::string& out) {
    out.clear();
    if (!expect('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return fail("control character in a string");
      if (c != '\\')
        out += c;
      else if (!escape(out))
        return false;
    }
    return fail("string without end");
  }

  bool strings(std::vector<std::string>& out) {
    out.clear();
    if (!expect('[')) return false;
    if (take(']')) return true;
    do {
      if (out.size() == most_arguments) return fail("more than 256 arguments");
      out.emplace_back();
      if (!string(out.back())) return false;
      if (out.back().find('\0') != std::string::npos) return fail("NUL in an argument");
    } while (take(','));
    return expect(']');
  }

  bool skip_members(int depth) {
    if (take('}')) return true;
    std::string key;
    do {
      if (!string(key) || !expect(':') || !skip(depth + 1)) return false;
    } while (take(','));
    return expect('}');
  }

  bool skip(int depth) {
    if (depth > deepest) return fail("nested too deep");
    std::string ignored;
    if (peek('"')) return string(ignored);
    if (take('{')) return skip_members(depth);
    if (take('[')) {
      if (take(']')) return true;
      do {
        if (!skip(depth + 1)) return false;
      } while (take(','));
      return expect(']');
    }
    const size_t begin = at_;
    constexpr std::string_view scalar = "+-.0123456789eEtrufalsn";
    while (at_ < text_.size() && scalar.find(text_[at_]) != std::string_view::npos) ++at_;
    return at_ > begin || fail("expected a value");
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string& problem_;
};

}  // namespace

bool parse_request(std::string_view line, Request& request, std::string& problem) {
  if (line.size() > longest_line) {
    problem = "line longer than 65536 bytes";
    return false;
  }
  return Decoder(line, problem).request(request);
}

}  // namespace bridle::agent
