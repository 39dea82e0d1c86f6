// Manifests: the objects that files declare. A file holds one or more YAML documents or JSON; a
// folder means its *.yaml, *.yml and *.json in the order of their names; "-" is stdin.
//
// Errors are one line a fault, each with where it is and what was expected:
//
//   lab.yaml:12:5: spec.memroy: unknown key (did you mean "memory"?)
#pragma once

#include <string>
#include <vector>

#include "model/object.h"

namespace bridle::cli {

namespace json = boost::json;

struct Manifest {
  std::string where;  // "lab.yaml:12"
  json::value value;  // as written, with its project filled in and without status
  model::Object object;
};

// `project`: of objects that name none. All faults of all files are in the one error.
Result<std::vector<Manifest>> load_manifests(const std::vector<std::string>& paths,
                                             const std::string& project);
// The same, of one text.
Result<std::vector<Manifest>> read_manifests(const std::string& text, const std::string& file,
                                             const std::string& project);

}  // namespace bridle::cli
