// Waiting: until an object is as wanted. Asks again and again (the interval grows from 100 ms to 1
// s); a daemon that is restarted meanwhile is waited for, too.
//
// Ctrl-C ends the waiting, never what is waited for.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/context.h"
#include "cli/documents.h"
#include "cli/progress.h"

namespace bridle::cli {

struct Target {
  const model::KindInfo* kind;
  std::string project;
  std::string name;

  std::string text() const;  // "machine/web"
};

// What an object (null: it does not exist) says: go on waiting, met, or an error that makes further
// waiting pointless.
enum class Verdict { wait, met };
using Judge = std::function<Result<Verdict>(const json::value& object)>;

struct WaitOptions {
  Duration timeout = std::chrono::seconds(300);
  std::string doing;                            // "starting": shown while nothing better is known
  std::function<bool()> interrupted = nullptr;  // asked at every round; true ends the waiting
};

// The object as it was when the judge was content; null when it is gone. Error: the judge's,
// internal (the time is over, or interrupted; the message tells the last state).
Result<json::value> wait_until(Context& context, const Target& target, const Judge& judge,
                               const WaitOptions& options);

// "deleted", "phase=running", "status.engine=kvm": as `bridle wait --for` takes it.
Result<Judge> judge_of(const std::string& condition, const model::KindInfo& kind);
// A machine reached this phase for the spec that it has now; failing for good is an error.
Judge machine_reaches(const std::string& phase);
// An operation ended: succeeded is met, failed and cancelled are errors.
Judge operation_ends();
Judge gone();

}  // namespace bridle::cli
