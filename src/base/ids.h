// Identity. A Uuid names a machine, volume or operation for ever; a MachineId adds the generation,
// which rises whenever time is turned back for that machine (roll-back, restart elsewhere), so that
// (uuid, generation) names one uninterrupted history (design section 5).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle {

class Random;

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  // RFC 4122 version 4.
  static Uuid random(Random& random);
  // 36 characters, lower or upper case; anything else is Code::invalid.
  static Result<Uuid> parse(std::string_view text);

  std::string text() const;  // 36 characters, lower case
  bool is_nil() const { return *this == Uuid{}; }
  auto operator<=>(const Uuid&) const = default;
};

struct MachineId {
  Uuid uuid;
  uint64_t generation = 0;

  std::string text() const;  // "UUID/GENERATION"
  auto operator<=>(const MachineId&) const = default;
};

// Revision of the store: rises by one with every committed transaction. 0: never written.
using Revision = uint64_t;

}  // namespace bridle

template <>
struct std::hash<bridle::Uuid> {
  size_t operator()(const bridle::Uuid& uuid) const noexcept;
};
