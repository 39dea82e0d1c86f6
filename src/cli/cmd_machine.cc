// bridle machine list, start, stop, pause, resume, reset, delete.
#include "base/units.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/operations.h"
#include "cli/output.h"
#include "cli/waiting.h"

namespace bridle::cli {
namespace {

// One action on power: what it is called, what is said, where it leads.
struct Action {
  const char* verb;
  const char* summary;
  const char* description;
  const char* doing;  // "starting"
  const char* done;   // "running", said after --wait
  const char* phase;  // the phase that --wait waits for
};

constexpr Action actions[] = {
    {"start", "Start guests",
     "Writes spec.power: running. Bridle keeps it so, by the restart policy.", "starting",
     "running", "running"},
    {"stop", "Shut guests down",
     "Presses the power button (ACPI) and, when the guest has not ended within spec.stopTimeout, "
     "ends "
     "it by force.",
     "stopping", "stopped", "defined"},
    {"pause", "Freeze guests where they are",
     "They use no CPU and keep their memory; time stands still for them.", "pausing", "paused",
     "paused"},
    {"resume", "Let paused guests go on", "", "resuming", "running", "running"},
};

Result<Duration> timeout_of(const Args& args) {
  return parse_duration(args.one_or("timeout", "5m")).context("--timeout");
}

// Calls step for each name; one that fails does not keep the others from being tried.
template <typename Step>
Result<int> for_each_name(Context& context, const Args& args, Step step) {
  int code = Exit::done;
  const auto names = args.all("NAME");
  for (const auto& name : names) {
    const Status status = step(name);
    if (status.ok()) continue;
    if (names.size() == 1) return status.error();
    context.err() << "bridle: machine/" << name << ": " << status.error().message() << "\n";
    code = exit_code(status.error().code());
  }
  return code;
}

Result<int> run_action(Context& context, const Args& args, const Action& action) {
  BRIDLE_TRY(const Duration timeout, timeout_of(args));
  const auto& kind = model::info(model::Kind::machine);
  const std::string project = context.globals().project;
  json::object body;
  if (args.has("force")) body["force"] = true;
  std::vector<std::string> accepted;
  const auto ask = [&](const std::string& name) -> Status {
    BRIDLE_TRY(const json::value object, context.api().act(kind, project, name, action.verb, body));
    accepted.push_back(name);
    if (!args.has("wait")) print_outcome(context, object, action.doing);
    return {};
  };
  BRIDLE_TRY(int code, for_each_name(context, args, ask));
  if (!args.has("wait")) return code;
  Interrupts interrupts;
  for (const auto& name : accepted) {
    BRIDLE_TRY(const json::value object,
               wait_until(context, {&kind, project, name}, machine_reaches(action.phase),
                          {timeout, action.doing, [&] { return interrupts.take(); }}));
    print_outcome(context, object, action.done);
  }
  return code;
}

Result<int> run_reset(Context& context, const Args& args) {
  BRIDLE_TRY(const Duration timeout, timeout_of(args));
  const auto& kind = model::info(model::Kind::machine);
  return for_each_name(context, args, [&](const std::string& name) -> Status {
    BRIDLE_TRY(const json::value operation,
               context.api().act(kind, context.globals().project, name, "reset"));
    if (!args.has("wait")) {
      print_outcome(context, operation, "resets machine/" + name);
      return {};
    }
    BRIDLE_TRY(const auto end, follow_operation(context, operation, timeout));
    if (end == FollowEnd::succeeded) context.out() << "machine/" << name << " reset\n";
    return {};
  });
}

Result<int> run_delete(Context& context, const Args& args) {
  BRIDLE_TRY(const Duration timeout, timeout_of(args));
  const auto& kind = model::info(model::Kind::machine);
  return for_each_name(context, args, [&](const std::string& name) -> Status {
    BRIDLE_TRY(const json::value left, context.api().remove(kind, context.globals().project, name));
    if (!left.is_null() && args.has("wait")) {
      Interrupts interrupts;
      auto end = wait_until(context, {&kind, context.globals().project, name}, gone(),
                            {timeout, "deleting", [&] { return interrupts.take(); }});
      if (!end.ok()) return std::move(end).error();
    }
    const bool over = left.is_null() || args.has("wait");
    context.out() << "machine/" << name << (over ? " deleted\n" : " deleting\n");
    return {};
  });
}

const Operand names{"NAME", "one or more machines", 1, 0, Complete::machine};
const Flag wait_flag{"--wait,-w", "", "until it is so"};
const Flag timeout_flag{"--timeout", "TIME", "give up waiting after this long [5m]"};

Command action_command(const Action& action) {
  Command command;
  command.path = {"machine", action.verb};
  command.summary = action.summary;
  command.description = action.description;
  command.operands = {names};
  command.flags = {wait_flag, timeout_flag};
  const std::string line = "bridle machine " + std::string(action.verb);
  command.examples = {
      {line + " web", std::string(action.verb) + " one"},
      {line + " web db --wait", "two, and wait until both are " + std::string(action.done)}};
  if (std::string_view(action.verb) == "stop") {
    command.flags.push_back({"--force", "", "pull the plug: no shutdown in the guest"});
    command.examples.push_back({line + " web --force", "at once, as if the power failed"});
  }
  command.run = [&action](Context& context, const Args& args) {
    return run_action(context, args, action);
  };
  return command;
}

}  // namespace

void add_machine_commands(CommandTable& table) {
  table.commands.push_back(list_command(model::Kind::machine, Complete::machine));
  for (const Action& action : actions) table.commands.push_back(action_command(action));
  table.commands.push_back({{"machine", "reset"},
                            "Press the reset button of guests",
                            "The guest boots again; its disks stay as they are.",
                            {names},
                            {wait_flag, timeout_flag},
                            {{"bridle machine reset web --wait", "and wait for the reset"}},
                            run_reset});
  table.commands.push_back({{"machine", "delete"},
                            "Delete guests; their volumes stay",
                            "A running guest is ended by force.",
                            {names},
                            {wait_flag, timeout_flag},
                            {{"bridle machine delete web --wait", "until it is gone"}},
                            run_delete});
}

}  // namespace bridle::cli
