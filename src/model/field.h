// Field: one row of the declarative tables that say what an object may hold. Validation, defaults,
// OpenAPI and the command line's help are all made from these rows (schema.h), so that they cannot
// disagree.
//
// Thread class: immutable after start-up.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bridle::model {

namespace json = boost::json;

enum class Type {
  boolean,
  integer,   // 0 or more
  bytes,     // quantity.h; kept in normal form
  cores,     // quantity.h
  duration,  // quantity.h
  text,      // UTF-8 without control characters; see Field.format and Field.lines
  object,    // `fields` are its keys
  list,      // `fields` has one row, which describes each item (its key is empty)
  map,       // keys of the format `keys`; `fields` has one row, which describes each value
};

// A spelling that text must have.
struct Format {
  std::string_view name;      // "mac": in OpenAPI's `format`
  std::string_view expected;  // "a unicast MAC address such as 52:54:00:12:34:56"
  bool (*matches)(std::string_view text);
};

struct Field {
  std::string_view key;
  Type type = Type::text;
  std::string_view help;      // one sentence, or a few
  std::string_view example;   // as YAML would show it
  std::string_view fallback;  // the default as JSON, "\"128MiB\""; empty: none, stays absent

  bool required = false;
  bool immutable = false;   // may not change once the object exists
  bool grows = false;       // bytes: may only grow once the object exists
  bool write_only = false;  // never shown; never part of an error message
  bool lines = false;       // text: line feeds and tabs are allowed

  // integer: the value. bytes, cores (thousandths), duration (milliseconds): the value.
  // text: bytes. list, map: entries.
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<uint64_t>::max();
  uint64_t multiple = 1;  // bytes: the value is a multiple of this

  std::span<const std::string_view> choices = {};  // text: one of these
  const Format* format = nullptr;                  // text
  const Format* keys = nullptr;                    // map
  std::vector<Field> fields = {};
};

// Null when there is none.
const Field* find_field(const std::vector<Field>& fields, std::string_view key);

}  // namespace bridle::model
