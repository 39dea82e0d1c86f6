// Typed views of Operation and Event.
#include "model/event.h"
#include "model/operation.h"
#include "model/words.h"
#include "model/writer.h"

namespace bridle::model {

ObjectRef ref_to(const Object& object) {
  return {object.kind, object.metadata.project, object.metadata.name, object.metadata.uid};
}

void read_ref(Reader& read, ObjectRef& out) {
  std::string word;
  read.text("kind", word);
  const KindInfo* kind = find_kind(word);
  if (kind == nullptr) return read.fail("kind", "expected a kind of object");
  out.kind = kind->kind;
  read.text("project", out.project);
  read.text("name", out.name);
  read.uuid("uid", out.uid);
}

json::object to_json(const ObjectRef& ref) {
  json::object out{{"kind", info(ref.kind).singular}};
  put(out, "project", ref.project);
  out["name"] = ref.name;
  if (!ref.uid.is_nil()) out["uid"] = ref.uid.text();
  return out;
}

std::string_view name(OperationPhase phase) {
  return words::operation_phase[static_cast<size_t>(phase)];
}

std::string_view name(Level level) { return words::level[static_cast<size_t>(level)]; }

Result<OperationSpec> operation_spec(const json::object& object) {
  OperationSpec spec;
  Reader read(object, "spec");
  read.text("verb", spec.verb);
  read.object("target", [&](Reader& target) { read_ref(target, spec.target); });
  read.text("idempotencyKey", spec.idempotency_key);
  read.text("requestedBy", spec.requested_by);
  read.flag("cancel", spec.cancel);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const OperationSpec& spec) {
  json::object out{{"verb", spec.verb}, {"target", to_json(spec.target)}};
  put(out, "idempotencyKey", spec.idempotency_key);
  put(out, "requestedBy", spec.requested_by);
  out["cancel"] = spec.cancel;
  return out;
}

Result<OperationStatus> operation_status(const json::object& object) {
  OperationStatus status;
  Reader read(object, "status");
  read.choice("phase", words::operation_phase, status.phase);
  read.number("progress", status.progress);
  read.text("message", status.message);
  read.text("error", status.error);
  read.time("started", status.started);
  read.time("finished", status.finished);
  BRIDLE_CHECK(read.status());
  return status;
}

json::object to_json(const OperationStatus& status) {
  json::object out{{"phase", name(status.phase)}, {"progress", status.progress}};
  put(out, "message", status.message);
  put(out, "error", status.error);
  put(out, "started", status.started);
  put(out, "finished", status.finished);
  return out;
}

Result<EventSpec> event_spec(const json::object& object) {
  EventSpec spec;
  Reader read(object, "spec");
  std::optional<WallTime> at;
  read.time("at", at);
  spec.at = at.value_or(WallTime{});
  read.choice("level", words::level, spec.level);
  read.text("reason", spec.reason);
  read.text("message", spec.message);
  read.object("object", [&](Reader& target) { read_ref(target, spec.object); });
  read.text("machineId", spec.machine_id);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const EventSpec& spec) {
  json::object out{{"at", spec.at.text()}, {"level", name(spec.level)}, {"reason", spec.reason}};
  put(out, "message", spec.message);
  out["object"] = to_json(spec.object);
  put(out, "machineId", spec.machine_id);
  return out;
}

}  // namespace bridle::model
