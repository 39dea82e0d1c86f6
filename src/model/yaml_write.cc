// to_yaml(): block style; plain scalars where they read back as the same text, else quotes; text of
// several lines as a literal block where that is exact.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "model/utf8.h"
#include "model/yaml.h"

namespace bridle::model {
namespace {

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Narrower than YAML allows: only what no parser of any version can take for something else.
bool is_plain(std::string_view text) {
  if (text.empty() || text.size() > 120) return false;
  if (!is_alnum(text.front()) && text.front() != '/' && text.front() != '_') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size();
    if (text[i] == ' ' && (last || text[i + 1] == ' ' || text[i + 1] == '#')) return false;
    if (text[i] == ':' && (last || text[i + 1] == ' ')) return false;
    if (!is_alnum(text[i]) && std::string_view("_-./@+=: ").find(text[i]) == std::string_view::npos)
      return false;
  }
  static constexpr std::array<std::string_view, 8> booleans{"y",  "n",   "yes",  "no",
                                                            "on", "off", "true", "false"};
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (std::find(booleans.begin(), booleans.end(), lower) != booleans.end()) return false;
  const auto scalar = core_scalar(text);
  return scalar.ok() && scalar->is_string();
}

// YAML 1.1 parsers, yaml-cpp among them, read digits and colons as one number in base 60.
bool is_old_number(std::string_view text) {
  return text.find_first_not_of("0123456789:.-_") == std::string_view::npos;
}

// Whether the sequence may stand for itself between double quotes.
bool is_printable(std::string_view sequence) {
  if (sequence.size() == 1) return sequence[0] >= 0x20 && sequence[0] != 0x7f;
  if (sequence.size() == 2) return !(sequence[0] == '\xc2' && sequence[1] < '\xa0');
  return sequence != "\xe2\x80\xa8" && sequence != "\xe2\x80\xa9" && sequence != "\xef\xbb\xbf" &&
         sequence != "\xef\xbf\xbe" && sequence != "\xef\xbf\xbf";
}

uint32_t code_point(std::string_view sequence) {
  static constexpr uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t point = static_cast<uint8_t>(sequence[0]) & masks[sequence.size()];
  for (const char c : sequence.substr(1)) point = point << 6 | (static_cast<uint8_t>(c) & 0x3f);
  return point;
}

void write_escape(std::string& out, std::string_view sequence) {
  char text[16];
  const uint32_t point = code_point(sequence);
  if (point == '\n') {
    out += "\\n";
  } else if (point == '\t') {
    out += "\\t";
  } else {
    std::snprintf(text, sizeof text, point < 0x100 ? "\\x%02x" : "\\u%04x", point);
    out += text;
  }
}

void write_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const size_t length = std::max<size_t>(1, utf8_length(text.substr(i)));
    const std::string_view sequence = text.substr(i, length);
    if (sequence == "\"" || sequence == "\\") {
      (out += '\\').append(sequence);
    } else if (is_printable(sequence)) {
      out.append(sequence);
    } else {
      write_escape(out, sequence);
    }
    i += length;
  }
  out += '"';
}

// Several lines, printable, no line that ends in a blank, the first neither empty nor indented,
// and at most one line feed at the end.
bool is_literal(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.ends_with("\n\n")) return false;
  if (text.front() == ' ' || text.front() == '\t' || text.front() == '\n') return false;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i));
    if (length == 0) return false;
    const std::string_view sequence = text.substr(i, length);
    if (sequence != "\n" && !is_printable(sequence)) return false;
    if (sequence == " " && (i + 1 == text.size() || text[i + 1] == '\n')) return false;
    i += length;
  }
  return true;
}

void write_literal(std::string& out, std::string_view text, size_t indent) {
  out += text.ends_with('\n') ? "|\n" : "|-\n";
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end != 0) out.append(indent, ' ').append(text.substr(0, end));
    out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void write_text(std::string& out, std::string_view text) {
  if (is_plain(text) && !is_old_number(text))
    out.append(text);
  else
    write_quoted(out, text);
}

void write_scalar(std::string& out, const json::value& value, size_t indent) {
  if (!value.is_string()) {
    out += json::serialize(value);  // null, booleans, numbers, "{}" and "[]" are spelled alike
  } else if (const auto text = view(value.get_string()); indent != 0 && is_literal(text)) {
    return write_literal(out, text, indent);
  } else {
    write_text(out, text);
  }
  out += '\n';
}

bool is_block(const json::value& value) {
  return (value.is_object() && !value.get_object().empty()) ||
         (value.is_array() && !value.get_array().empty());
}

// Depth is bounded by that of the value. `first`: the line is begun already ("- " of a list).
void write_block(std::string& out, const json::value& value, size_t indent, bool first);

void write_object(std::string& out, const json::object& object, size_t indent, bool first) {
  for (const auto& item : object) {
    if (!first) out.append(indent, ' ');
    first = false;
    write_text(out, {item.key().data(), item.key().size()});
    out += ':';
    if (is_block(item.value())) {
      out += '\n';
      write_block(out, item.value(), indent + 2, false);
    } else {
      out += ' ';
      write_scalar(out, item.value(), indent + 2);
    }
  }
}

void write_list(std::string& out, const json::array& list, size_t indent, bool first) {
  for (const json::value& item : list) {
    if (!first) out.append(indent, ' ');
    first = false;
    out += "- ";
    if (is_block(item))
      write_block(out, item, indent + 2, true);
    else
      write_scalar(out, item, indent + 2);
  }
}

void write_block(std::string& out, const json::value& value, size_t indent, bool first) {
  if (value.is_object())
    write_object(out, value.get_object(), indent, first);
  else
    write_list(out, value.get_array(), indent, first);
}

}  // namespace

std::string to_yaml(const json::value& value) {
  std::string out;
  if (is_block(value))
    write_block(out, value, 0, false);
  else
    write_scalar(out, value, 0);
  return out;
}

}  // namespace bridle::model
