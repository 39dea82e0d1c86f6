#include "model/json_text.h"

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>

namespace bridle::model {
namespace {

using boost::system::error_code;

// Follows the text just ahead of the parser, so that an event can be given the place where its
// token began.
class Cursor {
 public:
  void advance(char c) {
    next(c);
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      return;
    }
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    const bool mark = blank || c == ',' || c == ':' || c == ']' || c == '}';
    if (c == '"' || c == '[' || c == '{' || (!mark && !in_word_)) token_ = here_;
    in_string_ = c == '"';
    in_word_ = !mark && !in_string_ && c != '[' && c != '{';
  }
  Position token() const { return token_; }
  Position here() const { return here_; }

 private:
  void next(char c) {
    if (new_line_) here_ = {here_.line + 1, 0};
    new_line_ = c == '\n';
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++here_.column;
  }

  Position here_{1, 0};
  Position token_{1, 1};
  bool new_line_ = false, in_string_ = false, in_word_ = false, escaped_ = false;
};

// The events of Boost.JSON's parser, handed to a TreeBuilder.
struct Handler {
  static constexpr size_t max_object_size = static_cast<size_t>(-1);
  static constexpr size_t max_array_size = static_cast<size_t>(-1);
  static constexpr size_t max_key_size = static_cast<size_t>(-1);
  static constexpr size_t max_string_size = static_cast<size_t>(-1);

  TreeBuilder* builder = nullptr;
  const Cursor* cursor = nullptr;
  std::string pending;  // of a key, string or number that comes in parts

  static bool done(bool good, error_code& error) {
    if (!good) error = json::error::exception;
    return good;
  }
  std::string whole(json::string_view last) {
    std::string text = std::move(pending);
    pending.clear();
    return text.append(last.data(), last.size());
  }
  bool part(json::string_view text) {
    pending.append(text.data(), text.size());
    return true;
  }
  bool scalar(json::value value, error_code& error) {
    return done(builder->value(std::move(value), cursor->token()), error);
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& e) { return done(builder->begin_object(cursor->token()), e); }
  bool on_object_end(size_t, error_code& e) { return done(builder->end(), e); }
  bool on_array_begin(error_code& e) { return done(builder->begin_list(cursor->token()), e); }
  bool on_array_end(size_t, error_code& e) { return done(builder->end(), e); }
  bool on_key_part(json::string_view text, size_t, error_code&) { return part(text); }
  bool on_key(json::string_view text, size_t, error_code& e) {
    return done(builder->key(whole(text), cursor->token()), e);
  }
  bool on_string_part(json::string_view text, size_t, error_code&) { return part(text); }
  bool on_string(json::string_view text, size_t, error_code& e) {
    return scalar(json::value(whole(text)), e);
  }
  bool on_number_part(json::string_view text, error_code&) { return part(text); }
  bool on_int64(int64_t number, json::string_view, error_code& e) {
    pending.clear();
    return scalar(number, e);
  }
  bool on_uint64(uint64_t number, json::string_view, error_code& e) {
    pending.clear();
    return scalar(number, e);
  }
  // Boost 1.81's own reading is off in the last digits: what is written would not be what was read.
  bool on_double(double number, json::string_view last, error_code& e) {
    const std::string text = whole(last);
    double exact = number;
    std::from_chars(text.data(), text.data() + text.size(), exact);
    return scalar(exact, e);
  }
  bool on_bool(bool flag, error_code& e) { return scalar(flag, e); }
  bool on_null(error_code& e) { return scalar(nullptr, e); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }
};

size_t skip_blanks(std::string_view text, size_t at, Cursor& cursor) {
  while (at < text.size() && std::string_view(" \t\r\n").find(text[at]) != std::string_view::npos)
    cursor.advance(text[at++]);
  return at;
}

// One document from `at` on; moves `at` behind it. Byte by byte, because the parser does not tell
// positions: 4 MiB, the most there may be, take a fraction of a second.
Result<json::value> parse_one(std::string_view text, size_t& at, Cursor& cursor,
                              TreeBuilder& builder, bool& syntax) {
  json::parse_options options;
  options.max_depth = 64;  // the builder's bound is lower, and has the better message
  json::basic_parser<Handler> parser(options);
  parser.handler().builder = &builder;
  parser.handler().cursor = &cursor;
  error_code error;
  // A number at the top ends only with what follows it.
  while (!error && !parser.done() && at < text.size()) {
    Cursor ahead = cursor;
    ahead.advance(text[at]);
    std::swap(cursor, ahead);
    const size_t taken = parser.write_some(true, text.data() + at, 1, error);
    if (!error && taken == 0) {
      std::swap(cursor, ahead);
      break;
    }
    ++at;
  }
  if (!error && !parser.done()) parser.write_some(false, text.data() + at, 0, error);
  if (builder.error())
    return Error(*builder.error()).context(place("", builder.position()) + "JSON");
  if (error) {
    syntax = false;
    return Error(Code::invalid, place("", cursor.here()) + "JSON: " + error.message());
  }
  return builder.take();
}

Error too_large(const TextLimits& limits) {
  return Error(Code::exhausted, "expected at most " + std::to_string(limits.bytes) + " bytes");
}

}  // namespace

Result<json::value> parse_json(std::string_view text, const TextLimits& limits) {
  if (text.size() > limits.bytes) return too_large(limits);
  size_t nodes = limits.nodes, at = 0;
  bool syntax = true;
  Cursor cursor;
  TreeBuilder builder(limits, nodes, nullptr);
  BRIDLE_TRY(json::value value, parse_one(text, at, cursor, builder, syntax));
  if (skip_blanks(text, at, cursor) != text.size())
    return Error(Code::invalid, "JSON: expected nothing after the value");
  return value;
}

Result<std::vector<Document>> parse_json_documents(std::string_view text, std::string_view file,
                                                   const TextLimits& limits, bool& syntax) {
  syntax = true;
  if (text.size() > limits.bytes) return too_large(limits);
  std::vector<Document> documents;
  size_t nodes = limits.nodes;
  Cursor cursor;
  size_t at = skip_blanks(text, 0, cursor);
  while (at < text.size()) {
    if (documents.size() == limits.documents)
      return Error(Code::exhausted,
                   "expected at most " + std::to_string(limits.documents) + " documents");
    Document document{nullptr, SourceMap(std::string(file))};
    TreeBuilder builder(limits, nodes, &document.source);
    BRIDLE_TRY(document.value, parse_one(text, at, cursor, builder, syntax));
    documents.push_back(std::move(document));
    at = skip_blanks(text, at, cursor);
  }
  return documents;
}

}  // namespace bridle::model
