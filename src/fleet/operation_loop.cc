#include "fleet/operation_loop.h"

#include <algorithm>

namespace bridle::fleet {
namespace {

constexpr unsigned most_attempts = 3;

std::string text(const model::json::object& object, std::string_view key) {
  const model::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::string target_of(const Row& row) {
  const model::json::value* target = row.object.spec.if_contains("target");
  if (target == nullptr || !target->is_object()) return "";
  const model::json::object& object = target->get_object();
  const model::KindInfo* kind = model::find_kind(text(object, "kind"));
  if (kind == nullptr) return "";
  return model::ref(kind->kind, text(object, "project"), text(object, "name"));
}

bool wants_cancel(const Row& row) {
  const model::json::value* cancel = row.object.spec.if_contains("cancel");
  return cancel != nullptr && cancel->is_bool() && cancel->get_bool();
}

bool is_finished(std::string_view phase) {
  return phase == "succeeded" || phase == "failed" || phase == "cancelled";
}

}  // namespace

struct OperationLoop::Verb {
  std::string_view name;
  model::Kind target;
  void (OperationLoop::*run)(Row&, Work&);
  bool repeatable;  // may be begun again after bridled's death
};

const OperationLoop::Verb* OperationLoop::find_verb(std::string_view name) {
  static constexpr Verb verbs[] = {
      {"build", model::Kind::image, &OperationLoop::run_build, true},
      {"reset", model::Kind::machine, &OperationLoop::run_on_machine, false},
      {"stop", model::Kind::machine, &OperationLoop::run_on_machine, true},
  };
  for (const Verb& verb : verbs)
    if (verb.name == name) return &verb;
  return nullptr;
}

void OperationLoop::look(const std::string& ref) {
  Row* row = objects_.find(ref);
  if (row == nullptr) return forget(ref);
  std::string phase = text(row->object.status, "phase");
  if (is_finished(phase)) return Writer::pending(*row) ? void() : forget(ref);
  if (Writer::pending(*row)) return;
  Work& work = works_[ref];
  work.target = target_of(*row);
  const Verb* verb = find_verb(text(row->object.spec, "verb"));
  const Row* target = objects_.find(work.target);
  if (verb == nullptr)
    return finish(*row, "failed", "there is no operation " + text(row->object.spec, "verb"));
  if (work.build == 0 && (target == nullptr || target->object.kind != verb->target))
    return finish(*row, "failed", "there is no " + work.target);
  if (phase != "running") {
    if (wants_cancel(*row)) return finish(*row, "cancelled", "before it began");
    work.begun = true;
    return say(*row, "running", "", true);
  }
  if (!work.begun && !verb->repeatable)
    return finish(*row, "failed",
                  "bridled ended while it was under way: it may have happened or not");
  work.begun = true;
  (this->*verb->run)(*row, work);
}

void OperationLoop::forget(const std::string& ref) {
  timers_.want(ref, std::nullopt);
  auto found = works_.find(ref);
  if (found == works_.end()) return;
  if (found->second.build != 0) return;  // its end is awaited
  intents_.close(found->second.intent, false, "given up");
  works_.erase(found);
}

void OperationLoop::run_build(Row& row, Work& work) {
  if (work.build != 0) {
    const Row* built = objects_.find(work.target);
    const bool deleted = built == nullptr || built->deleting();
    if ((deleted || wants_cancel(row)) && !work.cancelled) {
      work.cancelled = true;
      context_.act(CancelBuild{work.build});
      say(row, "running", deleted ? "its image is deleted" : "being cancelled");
    }
    return;
  }
  if (wants_cancel(row)) return finish(row, "cancelled", "before it began");
  if (work.retry_at && *work.retry_at > context_.now) return timers_.want(row.ref, work.retry_at);
  work.retry_at.reset();
  const Row* image = objects_.find(work.target);
  if (image->deleting()) return finish(row, "failed", work.target + " is being deleted");
  if (!images_.may_build(work.target, row.ref)) return;
  if (intents_.failed(work.intent)) {
    work.intent = 0;
    work.retry_at = context_.now + context_.options.retry;
    return timers_.want(row.ref, work.retry_at);
  }
  if (work.intent == 0) work.intent = intents_.open(row.ref, "build", work.target, row.ref);
  if (!intents_.seq(work.intent)) return;
  ++work.attempts;
  work.build = context_.token();
  builds_[work.build] = row.ref;
  images_.build_begins(work.target, row.ref);
  const model::Metadata& meta = image->object.metadata;
  BuildImage build{work.build,
                   *intents_.seq(work.intent),
                   row.object.metadata.uid,
                   meta.name,
                   meta.project,
                   text(image->object.spec, "recipe"),
                   meta.owner,
                   {}};
  if (const auto spec = model::image_spec(image->object.spec); spec.ok())
    build.source = spec->source;
  context_.act(std::move(build));
}

void OperationLoop::on(const BuildProgress& progress) {
  auto found = builds_.find(progress.token);
  if (found == builds_.end()) return;
  Row* row = objects_.find(found->second);
  if (row == nullptr) return;
  model::json::object status = row->object.status;
  status["progress"] = std::min(progress.percent, 100U);
  status["message"] = progress.message;
  writer_.status(*row, std::move(status));
}

void OperationLoop::on(const BuildEnded& ended) {
  auto found = builds_.extract(ended.token);
  if (found.empty()) return;
  Work& work = works_.at(found.mapped());
  work.build = 0;
  images_.build_ended(work.target, ended.result);
  intents_.close(work.intent, ended.result.ok(),
                 ended.result.ok() ? "built" : ended.result.error().message());
  objects_.touch(found.mapped());
  Row* row = objects_.find(found.mapped());
  if (row == nullptr) return;
  if (ended.result.ok()) return finish(*row, "succeeded", "built");
  if (work.cancelled) return finish(*row, "cancelled", "");
  bool again = ended.result.error().code() == Code::unreachable && work.attempts < most_attempts;
  if (!again) return finish(*row, "failed", ended.result.error().message());
  work.retry_at = context_.now + context_.options.retry * (int64_t{1} << work.attempts);
}

void OperationLoop::run_on_machine(Row& row, Work& work) {
  if (std::optional<Status> result = machines_.take_result(row.ref))
    return finish(row, result->ok() ? "succeeded" : "failed",
                  result->ok() ? "" : result->error().message());
  if (work.asked) return;
  work.asked = true;
  const Row* machine = objects_.find(work.target);
  machines_.request(machine->object.metadata.uid, text(row.object.spec, "verb"), row.ref);
}

void OperationLoop::say(Row& row, std::string_view phase, std::string_view message, bool urgent) {
  model::json::object status = row.object.status;
  if (text(status, "phase") != phase && phase == "running")
    status["started"] = context_.wall.text();
  status["phase"] = phase;
  status["message"] = message;
  writer_.status(row, std::move(status), urgent);
}

void OperationLoop::finish(Row& row, std::string_view phase, std::string_view message) {
  model::json::object status = row.object.status;
  status["phase"] = phase;
  status["finished"] = context_.wall.text();
  bool succeeded = phase == "succeeded";
  if (succeeded) status["progress"] = 100;
  status[succeeded ? "message" : "error"] = message;
  if (!succeeded) status.erase("message");
  writer_.status(row, std::move(status), true);
  journal_.say(row.object, phase == "failed" ? Journal::Level::error : Journal::Level::info,
               succeeded           ? "OperationSucceeded"
               : phase == "failed" ? "OperationFailed"
                                   : "OperationCancelled",
               message);
  drop_old();
}

void OperationLoop::drop_old() {
  std::vector<std::pair<int64_t, std::string>> finished;
  std::as_const(objects_).each(model::Kind::operation, [&](const Row& row) {
    if (is_finished(text(row.object.status, "phase")) && !Writer::pending(row))
      finished.emplace_back(row.object.metadata.created.value_or(WallTime{}).ns, row.ref);
  });
  if (finished.size() <= context_.options.keep_operations) return;
  std::sort(finished.begin(), finished.end());
  finished.resize(finished.size() - context_.options.keep_operations);
  for (const auto& [created, ref] : finished)
    if (Row* row = objects_.find(ref)) writer_.remove(*row);
}

}  // namespace bridle::fleet
