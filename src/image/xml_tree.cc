#include "image/xml_tree.h"

#include <expat.h>

#include <memory>
#include <optional>

namespace bridle::image {
namespace {

std::string_view local(std::string_view name) {
  const size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

void trim(std::string& text) {
  constexpr std::string_view blank = " \t\r\n";
  const size_t first = text.find_first_not_of(blank);
  if (first == std::string::npos) return text.clear();
  text.erase(text.find_last_not_of(blank) + 1);
  text.erase(0, first);
}

// Expat's callbacks; the first error stops the parser.
class Builder {
 public:
  explicit Builder(const XmlBounds& bounds)
      : bounds_(bounds), parser_(XML_ParserCreate("UTF-8"), XML_ParserFree) {
    XML_SetUserData(parser_.get(), this);
    XML_SetParamEntityParsing(parser_.get(), XML_PARAM_ENTITY_PARSING_NEVER);
    XML_SetElementHandler(
        parser_.get(),
        [](void* self, const char* name, const char** attributes) {
          static_cast<Builder*>(self)->begin(name, attributes);
        },
        [](void* self, const char*) { static_cast<Builder*>(self)->end(); });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const char* text, int size) {
      static_cast<Builder*>(self)->characters({text, static_cast<size_t>(size)});
    });
    XML_SetStartDoctypeDeclHandler(
        parser_.get(), [](void* self, const char*, const char*, const char*, int) {
          static_cast<Builder*>(self)->stop(Code::refused,
                                            "a document type, which may define entities; remove "
                                            "the <!DOCTYPE ...>");
        });
  }

  Result<XmlElement> parse(std::string_view text) {
    const auto status =
        XML_Parse(parser_.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
    if (error_) return *error_;
    if (status != XML_STATUS_OK)
      return Error(Code::corrupt, "line " + std::to_string(line()) + ": not well-formed XML: " +
                                      XML_ErrorString(XML_GetErrorCode(parser_.get())));
    return std::move(root_);
  }

 private:
  unsigned line() const { return static_cast<unsigned>(XML_GetCurrentLineNumber(parser_.get())); }

  void stop(Code code, const std::string& what) {
    if (!error_) error_ = Error(code, "line " + std::to_string(line()) + ": " + what);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  void begin(const char* name, const char** attributes) {
    if (error_) return;
    if (open_.size() >= bounds_.depth) return stop(Code::refused, "elements nested too deep");
    if (++elements_ > bounds_.elements) return stop(Code::refused, "too many elements");
    XmlElement element;
    element.name = local(name);
    element.line = line();
    for (; attributes[0] != nullptr; attributes += 2) {
      if (element.attributes.size() >= bounds_.attributes)
        return stop(Code::refused, "too many attributes");
      element.attributes.emplace_back(local(attributes[0]), attributes[1]);
    }
    open_.push_back(std::move(element));
  }

  void end() {
    if (error_ || open_.empty()) return;
    XmlElement element = std::move(open_.back());
    open_.pop_back();
    trim(element.text);
    if (open_.empty())
      root_ = std::move(element);
    else
      open_.back().children.push_back(std::move(element));
  }

  void characters(std::string_view text) {
    if (!error_ && !open_.empty()) open_.back().text += text;
  }

  const XmlBounds& bounds_;
  std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser_;
  std::vector<XmlElement> open_;
  XmlElement root_;
  size_t elements_ = 0;
  std::optional<Error> error_;
};

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  for (const XmlElement& one : children)
    if (one.name == wanted) return &one;
  return nullptr;
}

std::string_view XmlElement::attribute(std::string_view wanted) const {
  for (const auto& [key, value] : attributes)
    if (key == wanted) return value;
  return {};
}

std::string_view XmlElement::child_text(std::string_view wanted) const {
  const XmlElement* found = child(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

Result<XmlElement> parse_xml(std::string_view text, const XmlBounds& bounds) {
  if (text.size() > bounds.bytes)
    return Error(Code::refused, "more than " + std::to_string(bounds.bytes) + " bytes of XML");
  return Builder(bounds).parse(text);
}

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
      out += ' ';
    else
      out += c;
  }
  return out;
}

}  // namespace bridle::image
