#include "model/check.h"

#include <algorithm>
#include <array>

#include "model/path.h"
#include "model/quantity.h"
#include "model/utf8.h"

namespace bridle::model {

const Field* find_field(const std::vector<Field>& fields, std::string_view key) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.key == key; });
  return found == fields.end() ? nullptr : &*found;
}

namespace {

struct Walk {
  Strictness strictness;
  Violations& violations;

  json::value value(const Field& field, const json::value& found, const std::string& path);
  json::object object(const std::vector<Field>& fields, const json::object& found,
                      const std::string& path);
};

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

std::string found_text(const Field& field, const json::value& value) {
  return field.write_only ? std::string() : ", found " + describe(value);
}

// Each check_* gives the value in normal form; after a violation, what it gives does not matter.
using Check = json::value (*)(Walk&, const Field&, const json::value&, const std::string&);

json::value wrong(Walk& walk, const Field& field, const json::value& found, const std::string& path,
                  std::string_view expected) {
  walk.violations.add(path, "expected " + std::string(expected) + found_text(field, found));
  return nullptr;
}

std::string range_text(const Field& field, std::string (*print)(uint64_t)) {
  if (field.most == std::numeric_limits<uint64_t>::max()) return "at least " + print(field.least);
  return print(field.least) + " to " + print(field.most);
}

json::value check_boolean(Walk& walk, const Field& field, const json::value& found,
                          const std::string& path) {
  if (found.is_bool()) return found;
  return wrong(walk, field, found, path, "true or false");
}

json::value check_integer(Walk& walk, const Field& field, const json::value& found,
                          const std::string& path) {
  const bool whole = found.is_uint64() || (found.is_int64() && found.get_int64() >= 0);
  const uint64_t number = whole ? found.to_number<uint64_t>() : 0;
  if (whole && number >= field.least && number <= field.most) return found;
  const auto print = [](uint64_t n) { return std::to_string(n); };
  return wrong(walk, field, found, path, "a whole number, " + range_text(field, print));
}

json::value check_quantity(Walk& walk, const Field& field, const json::value& found,
                           const std::string& path, const Result<uint64_t>& read,
                           std::string (*print)(uint64_t)) {
  if (!read) {
    walk.violations.add(path, read.error().message() + found_text(field, found));
    return nullptr;
  }
  if (*read < field.least || *read > field.most)
    return wrong(walk, field, found, path, range_text(field, print));
  if (*read % field.multiple != 0)
    return wrong(walk, field, found, path, "a multiple of " + print(field.multiple));
  return json::value(print(*read));
}

json::value check_bytes(Walk& walk, const Field& field, const json::value& found,
                        const std::string& path) {
  return check_quantity(walk, field, found, path, bytes_of(found), bytes_text);
}

json::value check_cores(Walk& walk, const Field& field, const json::value& found,
                        const std::string& path) {
  return check_quantity(walk, field, found, path, cores_of(found), cores_text);
}

json::value check_duration(Walk& walk, const Field& field, const json::value& found,
                           const std::string& path) {
  const auto read = duration_of(found);
  const Result<uint64_t> ms =
      read ? Result<uint64_t>(static_cast<uint64_t>(read->count() / 1'000'000)) : read.error();
  return check_quantity(walk, field, found, path, ms, [](uint64_t milliseconds) {
    return duration_text(std::chrono::milliseconds(milliseconds));
  });
}

bool has_control(std::string_view text, bool lines) {
  return std::any_of(text.begin(), text.end(), [&](char c) {
    if (lines && (c == '\n' || c == '\t')) return false;
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

json::value wrong_choice(Walk& walk, const Field& field, const json::value& found,
                         const std::string& path) {
  std::string expected = "one of ";
  for (const std::string_view choice : field.choices)
    expected.append(choice == field.choices.front() ? "" : ", ").append(choice);
  const std::string_view near = nearest(view(found.get_string()), field.choices);
  std::string hint = near.empty() ? "" : "; did you mean " + std::string(near) + "?";
  walk.violations.add(path, "expected " + expected + found_text(field, found) + hint);
  return nullptr;
}

json::value check_text(Walk& walk, const Field& field, const json::value& found,
                       const std::string& path) {
  if (!found.is_string()) {
    const bool scalar = found.is_number() || found.is_bool();
    return wrong(walk, field, found, path, scalar ? "text (put it in quotes)" : "text");
  }
  const std::string_view text = view(found.get_string());
  if (find_bad_utf8(text) != std::string_view::npos)
    return wrong(walk, field, found, path, "text in UTF-8");
  if (text.size() < field.least || text.size() > field.most) {
    walk.violations.add(path, "expected text of " + std::to_string(field.least) + " to " +
                                  std::to_string(field.most) + " bytes, found " +
                                  std::to_string(text.size()) + " bytes");
    return nullptr;
  }
  if (has_control(text, field.lines))
    return wrong(walk, field, found, path,
                 field.lines ? "text without control characters"
                             : "one line of text without control characters");
  const auto& choices = field.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end())
    return wrong_choice(walk, field, found, path);
  if (field.format != nullptr && !field.format->matches(text))
    return wrong(walk, field, found, path, field.format->expected);
  return found;
}

json::value check_object(Walk& walk, const Field& field, const json::value& found,
                         const std::string& path) {
  if (!found.is_object()) return wrong(walk, field, found, path, "an object");
  return walk.object(field.fields, found.get_object(), path);
}

bool check_count(Walk& walk, const Field& field, size_t count, const std::string& path) {
  if (count >= field.least && count <= field.most) return true;
  walk.violations.add(path, "expected " +
                                range_text(field, [](uint64_t n) { return std::to_string(n); }) +
                                " entries, found " + std::to_string(count));
  return false;
}

json::value check_list(Walk& walk, const Field& field, const json::value& found,
                       const std::string& path) {
  if (!found.is_array()) return wrong(walk, field, found, path, "a list");
  json::array out;
  const json::array& items = found.get_array();
  if (!check_count(walk, field, items.size(), path)) return nullptr;
  for (size_t i = 0; i < items.size(); ++i)
    out.push_back(walk.value(field.fields[0], items[i], path_to_index(path, i)));
  return out;
}

json::value check_map(Walk& walk, const Field& field, const json::value& found,
                      const std::string& path) {
  if (!found.is_object()) return wrong(walk, field, found, path, "an object");
  const json::object& entries = found.get_object();
  if (!check_count(walk, field, entries.size(), path)) return nullptr;
  std::vector<std::string_view> keys;
  for (const auto& entry : entries) keys.push_back({entry.key().data(), entry.key().size()});
  std::sort(keys.begin(), keys.end());
  json::object out;
  for (const std::string_view key : keys) {
    const std::string place = path_to_key(path, key);
    if (!field.keys->matches(key))
      walk.violations.add(place, "expected as key " + std::string(field.keys->expected));
    out[key] = walk.value(field.fields[0], entries.at(key), place);
  }
  return out;
}

constexpr std::array<Check, 9> checks{check_boolean, check_integer,  check_bytes,
                                      check_cores,   check_duration, check_text,
                                      check_object,  check_list,     check_map};

void unknown_key(const std::vector<Field>& fields, std::string_view key, const std::string& path,
                 Violations& violations) {
  if (violations.full()) return violations.add({}, {});
  std::vector<std::string_view> known;
  for (const Field& field : fields) known.push_back(field.key);
  std::string message = "unknown key";
  if (const std::string_view near = nearest(key, known); !near.empty()) {
    message += ", did you mean " + quoted(near) + "?";
  } else {
    message += "; known here:";
    for (const std::string_view one : known)
      message.append(one == known.front() ? " " : ", ").append(one);
  }
  violations.add(path_to_key(path, key), std::move(message));
}

json::value Walk::value(const Field& field, const json::value& found, const std::string& path) {
  return checks[static_cast<size_t>(field.type)](*this, field, found, path);
}

json::object Walk::object(const std::vector<Field>& fields, const json::object& found,
                          const std::string& path) {
  json::object out;
  const bool strict = strictness == Strictness::strict;
  for (const auto& item : found) {
    const std::string_view key(item.key().data(), item.key().size());
    if (strict && find_field(fields, key) == nullptr) unknown_key(fields, key, path, violations);
  }
  for (const Field& field : fields) {
    const json::value* item = found.if_contains(field.key);
    if (item != nullptr && !item->is_null()) {
      out[field.key] = value(field, *item, path_to_key(path, field.key));
    } else if (strict && field.required) {
      std::string message = "required, and missing";
      if (!field.example.empty()) message.append(", for example ").append(field.example);
      violations.add(path_to_key(path, field.key), std::move(message));
    } else if (strict && !field.fallback.empty()) {
      out[field.key] = json::parse({field.fallback.data(), field.fallback.size()});
    }
  }
  for (const auto& item : found)
    if (!strict && find_field(fields, item.key()) == nullptr) out[item.key()] = item.value();
  return out;
}

}  // namespace

json::object check(const std::vector<Field>& fields, const json::object& object,
                   const std::string& path, Strictness strictness, Violations& violations) {
  return Walk{strictness, violations}.object(fields, object, path);
}

}  // namespace bridle::model
