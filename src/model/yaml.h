// YAML: what people write, turned into JSON values with a source map, and back.
//
// Reading takes several documents in one text (or JSON values one after another; the text itself
// tells which). YAML is held to what JSON can say, under the core schema of YAML 1.2:
//
//   null ~ Null NULL (or nothing)        null        yes, no, on, off are text
//   true True TRUE false ...             boolean     52:54:00:12:34:56 is text
//   12 -3 0o17 0xff                      integer     1_000 and 2026-01-02 are text
//   1.5 1e3                              double      .inf and .nan are refused
//
// Refused: tags, keys that are not text or are there twice, an alias inside of what it names,
// whatever breaks TextLimits (aliases count as what they stand for), control characters.
//
// Writing keeps the order of keys, so that what from_json() put in the schema's order stays in it.
// What it writes reads back as the same value.
//
// Thread class: pure functions. Errors: Code::invalid, "file.yaml:12:5: what is wrong";
// Code::exhausted for too many bytes or documents.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/json_text.h"

namespace bridle::model {

// Empty documents are left out. file: for messages, may be empty.
Result<std::vector<Document>> parse_documents(std::string_view text, std::string_view file,
                                              const TextLimits& limits = {});

// One document, ending in a line feed.
std::string to_yaml(const json::value& value);

// A plain scalar under the core schema. Code::invalid: .inf, .nan, or an integer over 64 bits.
Result<json::value> core_scalar(std::string_view text);

}  // namespace bridle::model
