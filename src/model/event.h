// Event: something that happened to an object. Typed view of its spec; it has no status. Written
// by Bridle only, never changed.
#pragma once

#include <string>
#include <string_view>

#include "model/object_ref.h"

namespace bridle::model {

enum class Level { info, warning, error };

struct EventSpec {
  WallTime at;
  Level level = Level::info;
  std::string reason;   // one CamelCase word: "Started", "Killed"
  std::string message;  // a sentence
  ObjectRef object;
  std::string machine_id;  // "UUID/GENERATION" (MachineId::text()); empty: not about a machine
};

std::string_view name(Level level);

Result<EventSpec> event_spec(const json::object& spec);
json::object to_json(const EventSpec& spec);

}  // namespace bridle::model
