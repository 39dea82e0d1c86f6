// Secret: values that never show again. Typed view of its spec.
//
// Write-only: everything that leaves the daemon has gone through redact() (schema.h), which
// removes the values and leaves the keys in status. An update without `data` keeps what is stored
// (keep_write_only()).
#pragma once

#include <map>
#include <string>

#include "model/object.h"

namespace bridle::model {

struct SecretSpec {
  std::map<std::string, std::string> data;  // at most 64 values of at most 64 KiB
};

Result<SecretSpec> secret_spec(const json::object& spec);
json::object to_json(const SecretSpec& spec);

}  // namespace bridle::model
