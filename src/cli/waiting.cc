#include "cli/waiting.h"

#include <poll.h>

#include "base/units.h"
#include "cli/columns.h"
#include "cli/human.h"
#include "model/path.h"
#include "model/schema.h"

namespace bridle::cli {
namespace {

void pause_for(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  ::poll(nullptr, 0, static_cast<int>(ms));  // returns early on a signal
}

Step step_of(const json::value& object, const std::string& doing) {
  Step step;
  const json::value& progress = at(object, "status.progress");
  if (progress.is_number()) step.fraction = progress.to_number<double>() / 100;
  step.message = text_at(object, "status.message");
  const std::string next = text_at(object, "status.next");
  const std::string phase = phase_of(object);
  if (step.message.empty()) step.message = phase.empty() ? doing : phase;
  if (!next.empty() && next != step.message) step.message += "; " + next;
  return step;
}

Error too_late(const Target& target, const WaitOptions& options, const json::value& last) {
  const std::string phase = phase_of(last);
  std::string state =
      last.is_null() ? "it does not exist" : "it is " + (phase.empty() ? "there" : phase);
  if (const std::string message = text_at(last, "status.message"); !message.empty())
    state += ": " + message;
  return Error(Code::internal, target.text() + ": gave up waiting after " +
                                   format_duration(options.timeout) + " (" + state + ")");
}

std::string reason_of(const json::value& object) {
  for (const char* path : {"status.error", "status.message", "status.reason"})
    if (std::string text = text_at(object, path); !text.empty()) return text;
  return "it gives no reason";
}

}  // namespace

std::string Target::text() const { return std::string(kind->singular) + "/" + name; }

Result<json::value> wait_until(Context& context, const Target& target, const Judge& judge,
                               const WaitOptions& options) {
  Progress progress(context, target.text());
  Duration pause = std::chrono::milliseconds(100);
  json::value last;
  while (true) {
    auto object = context.api().object(*target.kind, target.project, target.name);
    const bool absent = !object.ok() && object.error().code() == Code::not_found;
    const bool away = !object.ok() && object.error().code() == Code::unreachable;
    if (!object.ok() && !absent && !away) return std::move(object).error();
    if (away && progress.elapsed() + pause >= options.timeout) return std::move(object).error();
    if (!away) {
      last = absent ? json::value() : *object;
      BRIDLE_TRY(const Verdict verdict, judge(last));
      if (verdict == Verdict::met) return last;
    }
    progress.show(away ? Step{-1, "bridled does not answer; waiting for it"}
                       : step_of(last, options.doing));
    if (options.interrupted && options.interrupted())
      return Error(Code::internal, target.text() + ": interrupted; what was asked for goes on");
    if (progress.elapsed() >= options.timeout) return too_late(target, options, last);
    pause_for(pause);
    pause = std::min<Duration>(pause * 3 / 2, std::chrono::seconds(1));
  }
}

Judge gone() {
  return [](const json::value& object) -> Result<Verdict> {
    return object.is_null() ? Verdict::met : Verdict::wait;
  };
}

std::string guess(const std::string& word, const std::vector<std::string_view>& known) {
  const std::string_view near = model::nearest(word, known);
  return near.empty() ? std::string() : " (did you mean " + std::string(near) + "?)";
}

// A phase as people say it, of those that the kind's schema knows; Code::invalid for none.
Result<std::string> phase_named(const std::string& phase, const model::KindInfo& kind) {
  std::vector<std::string_view> known;
  for (const model::Field& field : model::schema(kind.kind).status)
    if (field.key == "phase") known.assign(field.choices.begin(), field.choices.end());
  if (known.empty()) return phase;
  if (kind.kind == model::Kind::machine) {
    if (phase == "stopped") return std::string("defined");  // off, and startable
    known.push_back("stopped");
  }
  std::string listed;
  for (const std::string_view each : known) {
    if (each == phase) return phase;
    listed += " " + std::string(each);
  }
  return Error(Code::invalid, "--for: \"" + printable(phase) + "\" is no phase of a " +
                                  std::string(kind.singular) + guess(phase, known) +
                                  "; expected one of" + listed);
}

Judge machine_reaches(const std::string& phase) {
  return [phase](const json::value& object) -> Result<Verdict> {
    if (object.is_null()) return Error(Code::not_found, "the machine does not exist (any more)");
    const bool current =
        number_at(object, "status.observedGeneration") >= number_at(object, "metadata.generation");
    const std::string now = phase_of(object);
    if (current && now == phase) return Verdict::met;
    if (current && now == "failed" && text_at(object, "status.next").empty())
      return Error(Code::internal, show_ref_plain(object) + " failed: " + reason_of(object));
    return Verdict::wait;
  };
}

Judge operation_ends() {
  return [](const json::value& object) -> Result<Verdict> {
    const std::string phase = phase_of(object);
    if (object.is_null()) return Error(Code::not_found, "the operation is not kept any more");
    if (phase == "succeeded") return Verdict::met;
    if (phase == "failed" || phase == "cancelled")
      return Error(Code::internal,
                   "the operation " +
                       std::string(phase == "failed" ? "failed: " : "was cancelled: ") +
                       reason_of(object));
    return Verdict::wait;
  };
}

Result<Judge> judge_of(const std::string& condition, const model::KindInfo& kind) {
  if (condition == "deleted") return gone();
  const size_t equals = condition.find('=');
  if (equals == std::string::npos || equals == 0)
    return Error(Code::invalid, "--for \"" + printable(condition) + "\"" +
                                    guess(condition, {"deleted"}) +
                                    ": expected deleted, phase=WORD or PATH=VALUE, such as "
                                    "phase=running or status.engine=kvm");
  std::string path = condition.substr(0, equals);
  std::string wanted = condition.substr(equals + 1);
  if (path == "phase" || path == "status.phase") {
    BRIDLE_TRY(wanted, phase_named(wanted, kind));
    // A guest that failed for good is not waited for until the time is over.
    if (kind.kind == model::Kind::machine) return machine_reaches(wanted);
  }
  if (path.find('.') == std::string::npos) path = "status." + path;
  return Judge([path, wanted](const json::value& object) -> Result<Verdict> {
    if (object.is_null()) return Verdict::wait;
    const std::string seen = path == "status.phase" ? phase_of(object) : plain(at(object, path));
    return seen == wanted ? Verdict::met : Verdict::wait;
  });
}

}  // namespace bridle::cli
