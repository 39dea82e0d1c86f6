// Quantities as people write them: "128MiB", "1.5GiB", "2", "250m" (a quarter of a core), "30s".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace bridle {

// Bytes: digits with an optional fraction and one of B, KiB, MiB, GiB, TiB (kB, MB, GB, TB are
// decimal). No unit means bytes. At most 2^62.
Result<uint64_t> parse_bytes(std::string_view text);
std::string format_bytes(uint64_t bytes);  // the shortest exact form: "128MiB", "1000B"

// Thousandths of a core: "2" is 2000, "0.5" 500, "250m" 250. At most 1,000,000.
Result<uint64_t> parse_cores(std::string_view text);
std::string format_cores(uint64_t millicores);

// "500ms", "30s", "5m", "2h", "7d".
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);  // "1h02m", "35s", "120ms": for people

}  // namespace bridle
