// Plants: bugs that the simulator is made to find, one of each class. They sit in the seams of the
// harness (store, jail, rim), never in the product.
#pragma once

#include <optional>
#include <string_view>

namespace bridle::sim {

enum class Plant {
  none,
  lost_write,       // the store answers a status commit with success and forgets it
  double_start,     // the rim sends StartGuest twice, and the jail does not mind
  missed_event,     // a change of the store is not told
  leaked_resource,  // the jail releases a guest and leaves its cgroup behind
};

inline std::optional<Plant> find_plant(std::string_view name) {
  if (name == "lost-write") return Plant::lost_write;
  if (name == "double-start") return Plant::double_start;
  if (name == "missed-event") return Plant::missed_event;
  if (name == "leaked-resource") return Plant::leaked_resource;
  if (name == "none") return Plant::none;
  return std::nullopt;
}

}  // namespace bridle::sim
