// Columns: what a table shows of an object, per kind. One entry a kind; objects are JSON values as
// the daemon gave them, so a missing field is an empty cell and never an error. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/documents.h"
#include "cli/table.h"
#include "model/object.h"

namespace bridle::cli {

struct ShowOptions {
  bool with_project = false;
  WallTime now;
};

// A table of these objects. REQUIRES: all are of `kind`.
Table object_table(model::Kind kind, const std::vector<json::value>& objects,
                   const ShowOptions& options);

// What people would call its state: "running", "deleting", "ready".
std::string phase_of(const json::value& object);

}  // namespace bridle::cli
