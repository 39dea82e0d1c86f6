// Operation: something done once (reset, build), stored before it begins. Typed views of its spec
// and status. Written by Bridle only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/object_ref.h"

namespace bridle::model {

struct OperationSpec {
  std::string verb;  // "reset", "build"
  ObjectRef target;
  std::string idempotency_key;  // a second request with the same key gives this operation
  std::string requested_by;     // "uid:1000"
  bool cancel = false;          // somebody asked for its end
};

enum class OperationPhase { pending, running, succeeded, failed, cancelled };

struct OperationStatus {
  OperationPhase phase = OperationPhase::pending;
  uint32_t progress = 0;  // percent
  std::string message;    // what it is doing
  std::string error;      // why it failed, and what to do
  std::optional<WallTime> started, finished;
};

std::string_view name(OperationPhase phase);
// Nothing changes any more.
constexpr bool is_over(OperationPhase phase) { return phase >= OperationPhase::succeeded; }

Result<OperationSpec> operation_spec(const json::object& spec);
json::object to_json(const OperationSpec& spec);
Result<OperationStatus> operation_status(const json::object& status);
json::object to_json(const OperationStatus& status);

}  // namespace bridle::model
