// check(): holds a JSON object against a table of fields; gives it back in normal form.
//
// Normal form: keys in the table's order, defaults filled in, quantities in their one spelling, a
// key whose value is null left out. Normal form is a fixed point: checking it again changes
// nothing.
//
// Thread class: pure functions.
#pragma once

#include <string>

#include "model/field.h"
#include "model/violation.h"

namespace bridle::model {

enum class Strictness {
  strict,   // what a user wrote: unknown keys are violations, required keys must be there
  lenient,  // what a Bridle wrote, perhaps a newer one: unknown keys are kept, nothing is added
};

// Depth and size are bounded by the table: what it does not name is not walked.
json::object check(const std::vector<Field>& fields, const json::object& object,
                   const std::string& path, Strictness strictness, Violations& violations);

}  // namespace bridle::model
