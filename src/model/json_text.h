// Strict JSON: what Boost.JSON accepts, less what hides mistakes or attacks. Refused: a key that is
// there twice, bytes that are not UTF-8, deep nesting, numbers beyond a double, too many values.
//
// Thread class: pure functions. Errors: Code::invalid, "1:17: what is wrong".
#pragma once

#include <string_view>
#include <vector>

#include "model/tree_builder.h"

namespace bridle::model {

// One value and nothing after it: request bodies.
Result<json::value> parse_json(std::string_view text, const TextLimits& limits = {});

struct Document {
  json::value value;
  SourceMap source;
};

// One value after another, blanks between them, each with its source map. `syntax` becomes false
// if the text is not JSON at all (as opposed to JSON that breaks a rule).
Result<std::vector<Document>> parse_json_documents(std::string_view text, std::string_view file,
                                                   const TextLimits& limits, bool& syntax);

}  // namespace bridle::model
