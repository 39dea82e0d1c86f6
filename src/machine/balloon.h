// Balloon: what QMP says of the memory that a guest has and uses. The figures are the guest's own:
// a guest may lie, and they decide nothing by themselves.
//
// Thread class: pure functions.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>

namespace bridle::machine {

// Bytes; 0: the guest's driver has not said.
struct GuestMemory {
  uint64_t total = 0;
  uint64_t free = 0;
  uint64_t available = 0;
  bool operator==(const GuestMemory&) const = default;
};

// Of the balloon's property guest-stats. What is missing or absurd is 0.
GuestMemory guest_memory(const boost::json::value& stats);
// Of query-balloon: bytes left to the guest; 0: not to be had.
uint64_t balloon_actual(const boost::json::value& balloon);

}  // namespace bridle::machine
