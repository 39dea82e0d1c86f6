#include "model/violation.h"

#include "model/utf8.h"

namespace bridle::model {

void Violations::add(std::string path, std::string message) {
  if (full()) {
    ++omitted_;
    return;
  }
  list_.push_back({std::move(path), std::move(message)});
}

Error Violations::error() const {
  if (list_.size() == 1) return Error(Code::invalid, list_[0].text());
  std::string text = std::to_string(list_.size() + omitted_) + " violations of the schema:";
  for (const Violation& violation : list_) text += "\n  " + violation.text();
  if (omitted_ != 0) text += "\n  and " + std::to_string(omitted_) + " more";
  return Error(Code::invalid, std::move(text));
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size() && at < 40) {
    const size_t length = utf8_length(text.substr(at));
    const bool control = static_cast<unsigned char>(text[at]) < 0x20 || text[at] == 0x7f ||
                         (length == 2 && text[at] == '\xc2' && text[at + 1] < '\xa0');
    out.append(length == 0 || control ? "?" : text.substr(at, length));
    at += length == 0 ? 1 : length;
  }
  return out + (at < text.size() ? "...\"" : "\"");
}

std::string describe(const boost::json::value& value) {
  using boost::json::kind;
  switch (value.kind()) {
    case kind::null:
      return "nothing";
    case kind::bool_:
      return value.get_bool() ? "true" : "false";
    case kind::string:
      return "text " + quoted({value.get_string().data(), value.get_string().size()});
    case kind::array:
      return "a list";
    case kind::object:
      return "an object";
    default:
      return "number " + boost::json::serialize(value);
  }
}

}  // namespace bridle::model
