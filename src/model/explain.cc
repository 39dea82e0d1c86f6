// explain(): the schema as text for people.
#include <array>

#include "model/path.h"
#include "model/quantity.h"
#include "model/schema.h"

namespace bridle::model {
namespace {

// The whole object as one field, so that metadata, spec and status are walked like any other.
Field root_field(Kind kind) {
  const KindSchema& about = schema(kind);
  return {.key = info(kind).name,
          .type = Type::object,
          .help = about.help,
          .fields = {{.key = "metadata",
                      .type = Type::object,
                      .help = "Who it is.",
                      .required = true,
                      .fields = metadata_fields(kind)},
                     {.key = "spec",
                      .type = Type::object,
                      .help = "What is wanted.",
                      .required = true,
                      .fields = about.spec},
                     {.key = "status",
                      .type = Type::object,
                      .help = "What is seen. Written by Bridle.",
                      .fields = about.status}}};
}

std::string type_text(const Field& field) {
  static constexpr std::array<std::string_view, 9> names{
      "boolean", "integer", "size", "cores", "duration", "text", "object", "list", "map"};
  std::string text(names[static_cast<size_t>(field.type)]);
  if (field.type == Type::list) text += " of " + type_text(field.fields[0]);
  if (field.type == Type::map) text += " of text to " + type_text(field.fields[0]);
  return text;
}

// Where the keys below a field are: its own, or those of a list's items.
const std::vector<Field>& keys_below(const Field& field) {
  static const std::vector<Field> none;
  if (field.type == Type::object) return field.fields;
  if (field.type == Type::list && field.fields[0].type == Type::object)
    return field.fields[0].fields;
  return none;
}

std::string print_bound(const Field& field, uint64_t value) {
  if (field.type == Type::bytes) return bytes_text(value);
  if (field.type == Type::cores) return cores_text(value);
  if (field.type == Type::duration) return duration_text(std::chrono::milliseconds(value));
  return std::to_string(value);
}

std::string bounds_text(const Field& field) {
  const bool bounded = field.most != std::numeric_limits<uint64_t>::max();
  if (field.least == 0 && !bounded) return {};
  std::string text = print_bound(field, field.least);
  text += bounded ? " to " + print_bound(field, field.most) : " or more";
  if (field.type == Type::text) text += " bytes";
  if (field.type == Type::list || field.type == Type::map) text += " entries";
  return text;
}

void wrap(std::string& out, std::string_view text, std::string_view indent) {
  size_t column = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (column != 0 && indent.size() + column + 1 + end > 80) {
      out += '\n';
      column = 0;
    }
    out.append(column == 0 ? indent : " ").append(text.substr(0, end));
    column += end + (column == 0 ? 0 : 1);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  out += '\n';
}

void line(std::string& out, std::string_view label, const std::string& text) {
  if (!text.empty()) out.append(label).append(text) += '\n';
}

std::string words_of(const Field& field) {
  std::string text;
  const Field& one = field.type == Type::list ? field.fields[0] : field;
  for (const std::string_view choice : one.choices) text.append(text.empty() ? "" : ", ") += choice;
  return text;
}

std::string remarks(const Field& field) {
  std::string text;
  const auto add = [&](bool yes, std::string_view word) {
    if (yes) text.append(text.empty() ? "" : ", ").append(word);
  };
  add(field.required, "required");
  add(field.immutable, "cannot change once the object exists");
  add(field.grows, "may only grow once the object exists");
  add(field.write_only, "never shown");
  return text;
}

void describe_keys(std::string& out, const Field& field) {
  const std::vector<Field>& keys = keys_below(field);
  if (keys.empty()) return;
  out += "\nFIELDS:\n";
  for (const Field& key : keys) {
    out.append("  ").append(key.key).append("  <").append(type_text(key)) += '>';
    if (key.required) out += "  required";
    out += '\n';
    wrap(out, key.help, "      ");
  }
}

std::string describe_field(Kind kind, std::string_view path, const Field& field) {
  std::string out;
  line(out, "KIND:     ", std::string(info(kind).name));
  line(out, "VERSION:  ", std::string(api_version));
  line(out, "FIELD:    ", path.empty() ? "" : std::string(path) + "  <" + type_text(field) + ">");
  out += "\nDESCRIPTION:\n";
  wrap(out, field.help, "  ");
  std::string facts;
  const Field& one = field.type == Type::list ? field.fields[0] : field;
  line(facts, "  ", remarks(field));
  line(facts, "  one of: ", words_of(field));
  line(facts, "  expected: ", one.format == nullptr ? "" : std::string(one.format->expected));
  line(facts, "  bounds: ", bounds_text(field));
  line(facts, "  default: ", std::string(field.fallback));
  line(facts, "  example: ", std::string(field.example));
  if (!facts.empty()) out += "\n" + facts;
  describe_keys(out, field);
  if (path.empty()) {
    out += "\nEXAMPLE:\n";
    out += schema(kind).example;
  }
  return out;
}

// "disks[1]" and "disks[]" name the key "disks".
std::string_view without_index(std::string_view step) { return step.substr(0, step.find('[')); }

Error no_such(Kind kind, std::string_view at, std::string_view key, const Field& field) {
  std::vector<std::string_view> known;
  for (const Field& one : keys_below(field)) known.push_back(one.key);
  const std::string_view near = nearest(key, known);
  std::string message = std::string(info(kind).name) + (at.empty() ? "" : "." + std::string(at)) +
                        " has no field " + quoted(key);
  if (!near.empty()) message += ", did you mean " + quoted(near) + "?";
  return Error(Code::not_found, std::move(message));
}

void gather_paths(const Field& field, const std::string& path, std::vector<std::string>& out) {
  for (const Field& key : keys_below(field)) {
    const std::string below = path_to_key(path, key.key);
    out.push_back(below);
    gather_paths(key, below, out);
  }
}

}  // namespace

Result<std::string> explain(Kind kind, std::string_view path) {
  const Field root = root_field(kind);
  const Field* field = &root;
  std::string walked;
  for (std::string_view rest = path; !rest.empty();) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view key = without_index(rest.substr(0, dot));
    const Field* next = find_field(keys_below(*field), key);
    if (next == nullptr) return no_such(kind, walked, key, *field);
    walked = path_to_key(walked, key);
    field = next;
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return describe_field(kind, walked, *field);
}

std::vector<std::string> explain_paths(Kind kind) {
  std::vector<std::string> out;
  gather_paths(root_field(kind), "", out);
  return out;
}

}  // namespace bridle::model
