// Quantities in JSON. People write text with a unit or a bare number; Bridle prints one normal
// form, which reads back as the same value.
//
//   bytes      "128MiB", 134217728          -> "128MiB"
//   cores      "250m", "0.5", 2, 0.5        -> "250m", "2"    (thousandths of a core)
//   duration   "30s", "500ms" (never bare)  -> "30s"          (whole milliseconds)
//
// Errors: Code::invalid; the message says what was expected, without the path.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace bridle::model {

Result<uint64_t> bytes_of(const boost::json::value& value);
Result<uint64_t> cores_of(const boost::json::value& value);
Result<Duration> duration_of(const boost::json::value& value);

std::string bytes_text(uint64_t bytes);
std::string cores_text(uint64_t millicores);
std::string duration_text(Duration duration);

}  // namespace bridle::model
