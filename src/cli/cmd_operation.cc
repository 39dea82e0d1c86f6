// bridle operation list, show, wait, cancel.
#include "base/units.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/operations.h"
#include "cli/output.h"

namespace bridle::cli {
namespace {

const model::KindInfo& kind() { return model::info(model::Kind::operation); }

Result<int> run_show(Context& context, const Args& args) {
  BRIDLE_TRY(const json::value object,
             context.api().object(kind(), context.globals().project, args.one("NAME")));
  print_value(context, object);
  return Exit::done;
}

Result<int> run_wait(Context& context, const Args& args) {
  BRIDLE_TRY(const Duration timeout,
             parse_duration(args.one_or("timeout", "1h")).context("--timeout"));
  BRIDLE_TRY(const json::value object,
             context.api().object(kind(), context.globals().project, args.one("NAME")));
  BRIDLE_TRY(const FollowEnd end, follow_operation(context, object, timeout));
  if (end == FollowEnd::succeeded) print_outcome(context, object, "succeeded");
  return Exit::done;
}

Result<int> run_cancel(Context& context, const Args& args) {
  BRIDLE_TRY(const json::value object,
             context.api().act(kind(), context.globals().project, args.one("NAME"), "cancel"));
  print_outcome(context, object, "is being cancelled");
  return Exit::done;
}

}  // namespace

void add_operation_commands(CommandTable& table) {
  const Operand name{"NAME", "the operation, as `operation list` shows it", 1, 1,
                     Complete::operation};
  table.commands.push_back(list_command(model::Kind::operation, Complete::operation));
  table.commands.push_back({{"operation", "show"},
                            "Show one operation",
                            "",
                            {name},
                            {},
                            {{"bridle operation show build-tiny-1", "all that is known of it"}},
                            run_show});
  table.commands.push_back({{"operation", "wait"},
                            "Wait until an operation ends, with its progress",
                            "Exits with 1 when it failed or was cancelled.",
                            {name},
                            {{"--timeout", "TIME", "give up waiting after this long [1h]"}},
                            {{"bridle operation wait build-tiny-1", "to its end"}},
                            run_wait});
  table.commands.push_back(
      {{"operation", "cancel"},
       "Cancel an operation",
       "What it did so far is undone or left harmless; nothing half-made stays.",
       {name},
       {},
       {{"bridle operation cancel build-tiny-1", "stop the build"}},
       run_cancel});
}

}  // namespace bridle::cli
