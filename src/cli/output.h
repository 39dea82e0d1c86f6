// Output: objects and values in the format that -o asks for.
#pragma once

#include <vector>

#include "cli/context.h"
#include "cli/documents.h"

namespace bridle::cli {

// Several objects: a table, a JSON array, YAML documents, or names. `one`: a single object was
// asked for by name; JSON then is that object and not an array.
void print_objects(Context& context, const model::KindInfo& kind,
                   const std::vector<json::value>& objects, bool with_project, bool one);
// A value that is no object: as JSON, or as YAML for every other format.
void print_value(Context& context, const json::value& value);
// "machine/web started": the talk of an action; with -o json or yaml the object itself.
void print_outcome(Context& context, const json::value& object, const std::string& what);

}  // namespace bridle::cli
