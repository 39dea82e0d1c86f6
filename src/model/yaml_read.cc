// The only file that includes yaml-cpp. Its events go to a TreeBuilder; aliases are expanded here,
// under the builder's bounds, never by yaml-cpp.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_map>

#include "model/utf8.h"
#include "model/yaml.h"

namespace bridle::model {
namespace {

Position position(const YAML::Mark& mark) {
  return {static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)};
}

// yaml-cpp gives the escapes \N and \_ (U+0085, U+00A0) as one byte of Latin-1. Everything around
// it is whole UTF-8, so it stands where no sequence can begin.
std::string as_utf8(std::string_view text) {
  std::string out;
  for (size_t bad = 0; (bad = find_bad_utf8(text)) != std::string_view::npos;) {
    out.append(text.substr(0, bad)).append({'\xc2', text[bad]});
    text.remove_prefix(bad + 1);
  }
  return out.append(text);
}

struct Refused {};  // thrown through yaml-cpp, caught in next_document()

class Events final : public YAML::EventHandler {
 public:
  // start: where the document before this one began; moved to this one's start.
  Events(const TextLimits& limits, size_t& nodes, SourceMap* source, Position& start)
      : limits_(limits), nodes_(nodes), start_(start), builder_(limits, nodes, source) {}

  TreeBuilder& builder() { return builder_; }

  // At a token that can begin nothing ("]") yaml-cpp gives empty documents for ever.
  void OnDocumentStart(const YAML::Mark& mark) override {
    const Position at = position(mark);
    if (at == start_) refuse(mark, "expected a value");
    start_ = at;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar(mark, "?", anchor, "");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    scalar(mark, tag, anchor, as_utf8(text));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    no_key(mark, "an alias");
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias inside of what it names");
    step(builder_.value(found->second, position(mark)));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    no_tag(mark, tag);
    no_key(mark, "a list");
    step(builder_.begin_list(position(mark)));
    open_.push_back(anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    no_tag(mark, tag);
    no_key(mark, "an object");
    step(builder_.begin_object(position(mark)));
    open_.push_back(anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  void step(bool good) {
    if (!good) throw Refused();
  }
  void refuse(const YAML::Mark& mark, std::string_view message) {
    step(builder_.refuse(position(mark), message));
  }
  void no_key(const YAML::Mark& mark, std::string_view what) {
    if (builder_.expects_key()) refuse(mark, std::string(what) + " as a key; expected text");
  }
  void no_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag != "?" && tag != "!" && !tag.empty())
      refuse(mark, "tag " + quoted(tag) + "; tags are not taken");
  }

  // tag "?" is a plain scalar, "!" a quoted one.
  void scalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              const std::string& text) {
    no_tag(mark, tag);
    if (builder_.expects_key()) {
      if (text.empty() && tag == "?") refuse(mark, "a key is missing");
      if (anchor != 0) refuse(mark, "an anchor at a key");
      return step(builder_.key(text, position(mark)));
    }
    auto value = tag == "?" ? core_scalar(text) : Result<json::value>(json::value(text));
    if (!value) refuse(mark, value.error().message());
    step(builder_.value(std::move(*value), position(mark)));
    remember(anchor);
  }

  void close() {
    step(builder_.end());
    remember(open_.back());
    open_.pop_back();
  }

  // A copy is kept for aliases, and paid for.
  void remember(YAML::anchor_t anchor) {
    if (anchor == 0) return;
    size_t before = nodes_;
    TreeBuilder copy(limits_, before, nullptr);
    step(copy.value(builder_.last(), {}) || builder_.refuse({}, copy.error()->message()));
    nodes_ = before;
    anchors_[anchor] = copy.take();
  }

  const TextLimits& limits_;
  size_t& nodes_;
  Position& start_;
  TreeBuilder builder_;
  std::vector<YAML::anchor_t> open_;  // anchors of the open lists and objects; 0: none
  std::unordered_map<YAML::anchor_t, json::value> anchors_;
};

// False: there is no further document.
Result<bool> next_document(YAML::Parser& parser, Events& events) {
  try {
    return parser.HandleNextDocument(events);
  } catch (const Refused&) {
    const TreeBuilder& builder = events.builder();
    return Error(*builder.error()).context(place("", builder.position()) + "YAML");
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    return Error(Code::invalid,
                 (known ? place("", position(error.mark)) : "") + "YAML: " + error.msg);
  }
}

// yaml-cpp guesses encodings and gives some control characters a meaning of its own.
Status check_bytes(std::string_view text) {
  Position at{1, 1};
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i));
    const auto c = static_cast<unsigned char>(text[i]);
    const bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    if (length == 0 || control)
      return Error(Code::invalid, place("", at) + (control ? "a control character" : "not UTF-8"));
    at = c == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
    i += length;
  }
  return {};
}

Result<std::vector<Document>> parse_yaml(std::string_view text, std::string_view file,
                                         const TextLimits& limits) {
  BRIDLE_CHECK(check_bytes(text));
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  std::vector<Document> documents;
  size_t nodes = limits.nodes;
  Position start;
  while (true) {
    Document document{nullptr, SourceMap(std::string(file))};
    Events events(limits, nodes, &document.source, start);
    BRIDLE_TRY(const bool more, next_document(parser, events));
    if (!more) return documents;
    if (!events.builder().complete()) continue;
    document.value = events.builder().take();
    if (document.value.is_null()) continue;
    if (documents.size() == limits.documents)
      return Error(Code::exhausted,
                   "expected at most " + std::to_string(limits.documents) + " documents");
    documents.push_back(std::move(document));
  }
}

bool looks_like_json(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

// "12:5: message" becomes "file.yaml:12:5: message".
Error in_file(Error error, std::string_view file) {
  if (file.empty()) return error;
  const std::string& message = error.message();
  const bool placed = !message.empty() && message[0] >= '0' && message[0] <= '9';
  return Error(error.code(), std::string(file) + (placed ? ":" : ": ") + message);
}

}  // namespace

Result<std::vector<Document>> parse_documents(std::string_view text, std::string_view file,
                                              const TextLimits& limits) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.size() > limits.bytes)
    return in_file(
        Error(Code::exhausted, "expected at most " + std::to_string(limits.bytes) + " bytes"),
        file);
  if (looks_like_json(text)) {
    bool syntax = true;
    auto json = parse_json_documents(text, file, limits, syntax);
    if (json) return json;
    // Not JSON, then perhaps YAML in flow style, which begins with the same brackets.
    if (syntax || file.ends_with(".json")) return in_file(std::move(json).error(), file);
  }
  auto yaml = parse_yaml(text, file, limits);
  if (!yaml) return in_file(std::move(yaml).error(), file);
  return yaml;
}

}  // namespace bridle::model
