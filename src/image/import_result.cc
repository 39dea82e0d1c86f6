// What the helpers of an import tell bridled (import_plan.h), as one line of JSON.
#include <boost/json.hpp>

#include "image/import_plan.h"
#include "image/manifest.h"

namespace bridle::image {
namespace {

namespace json = boost::json;

constexpr size_t longest = 60 << 10, longest_machine = 32 << 10, longest_note = 400;
constexpr size_t most_notes = 64;

Error bad(std::string_view what) {
  return Error(Code::corrupt,
               "the image helper's result is not as it should be: " + std::string(what));
}

Result<json::object> object_of(std::string_view text) {
  if (text.size() > longest) return bad("too long");
  boost::system::error_code wrong;
  json::parse_options options;
  options.max_depth = 3;
  json::value value = json::parse(json::string_view(text.data(), text.size()), wrong, {}, options);
  if (wrong || !value.is_object()) return bad("no JSON object");
  return std::move(value.get_object());
}

Result<std::string> text_of(const json::value* value, size_t most, bool lines) {
  if (value == nullptr || !value->is_string()) return bad("a text is missing");
  const json::string& text = value->get_string();
  if (text.size() > most) return bad("a text is too long");
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 && !(lines && c == '\n'))
      return bad("a text has control characters");
  return std::string(text);
}

Result<uint64_t> number_of(const json::object& object, std::string_view key, uint64_t most) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return bad(key);
  boost::system::error_code wrong;
  const auto number = value->to_number<uint64_t>(wrong);
  if (wrong || number > most) return bad(key);
  return number;
}

}  // namespace

std::string encode(const ConvertResult& r) {
  return json::serialize(json::object{{"format", r.format},
                                      {"notes", json::array(r.notes.begin(), r.notes.end())},
                                      {"disks", r.disks},
                                      {"machine", r.machine}});
}

Result<ConvertResult> decode_convert_result(std::string_view text) {
  BRIDLE_TRY(const json::object object, object_of(text));
  ConvertResult out;
  BRIDLE_TRY(out.format, text_of(object.if_contains("format"), 16, false));
  BRIDLE_TRY(out.machine, text_of(object.if_contains("machine"), longest_machine, true));
  BRIDLE_TRY(const uint64_t disks, number_of(object, "disks", 64));
  out.disks = static_cast<uint32_t>(disks);
  const json::value* notes = object.if_contains("notes");
  if (notes == nullptr || !notes->is_array() || notes->get_array().size() > most_notes)
    return bad("notes");
  for (const json::value& note : notes->get_array()) {
    BRIDLE_TRY(std::string words, text_of(&note, longest_note, false));
    out.notes.push_back(std::move(words));
  }
  return out;
}

std::string encode(const AdoptResult& r) {
  return json::serialize(json::object{
      {"digest", r.disk.digest}, {"size", r.disk.size}, {"virtualSize", r.virtual_size}});
}

Result<AdoptResult> decode_adopt_result(std::string_view text) {
  BRIDLE_TRY(const json::object object, object_of(text));
  AdoptResult out;
  BRIDLE_TRY(out.disk.digest, text_of(object.if_contains("digest"), 64, false));
  if (!is_digest(out.disk.digest)) return bad("digest");
  BRIDLE_TRY(out.disk.size, number_of(object, "size", uint64_t{1} << 44));
  BRIDLE_TRY(out.virtual_size, number_of(object, "virtualSize", uint64_t{64} << 40));
  return out;
}

}  // namespace bridle::image
