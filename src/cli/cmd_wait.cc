// bridle wait, delete.
#include "base/units.h"
#include "cli/commands.h"
#include "cli/manifest.h"
#include "cli/output.h"
#include "cli/waiting.h"

namespace bridle::cli {
namespace {

Result<Duration> timeout_of(const Args& args, std::string_view otherwise) {
  return parse_duration(args.one_or("timeout", otherwise)).context("--timeout");
}

Result<int> run_wait(Context& context, const Args& args) {
  BRIDLE_TRY(const auto* kind, kind_named(args.one("KIND")));
  BRIDLE_TRY(const Judge judge, judge_of(args.one("for"), *kind));
  BRIDLE_TRY(const Duration timeout, timeout_of(args, "5m"));
  Interrupts interrupts;
  WaitOptions options{timeout, "waiting for " + args.one("for"), [&] { return interrupts.take(); }};
  for (const auto& name : args.all("NAME")) {
    const Target target{kind, context.globals().project, name};
    BRIDLE_TRY(const json::value object, wait_until(context, target, judge, options));
    if (object.is_null())
      context.out() << target.text() << " deleted\n";
    else
      print_outcome(context, object, "met: " + args.one("for"));
  }
  return Exit::done;
}

struct Doomed {
  const model::KindInfo* kind;
  std::string project, name;
};

Result<std::vector<Doomed>> named_objects(Context& context, const Args& args) {
  std::vector<Doomed> out;
  if (args.has("filename")) {
    BRIDLE_TRY(const auto documents,
               load_manifests(args.all("filename"), context.globals().project));
    for (const auto& document : documents)
      out.push_back({&model::info(document.object.kind), document.object.metadata.project,
                     document.object.metadata.name});
    return out;
  }
  BRIDLE_TRY(const auto* kind, kind_named(args.one("KIND")));
  for (const auto& name : args.all("NAME")) out.push_back({kind, context.globals().project, name});
  return out;
}

Status remove_one(Context& context, const Doomed& doomed, bool wait, Duration timeout) {
  BRIDLE_TRY(const json::value left,
             context.api().remove(*doomed.kind, doomed.project, doomed.name));
  const Target target{doomed.kind, doomed.project, doomed.name};
  if (!left.is_null() && wait) {
    Interrupts interrupts;
    auto end = wait_until(context, target, gone(),
                          {timeout, "deleting", [&] { return interrupts.take(); }});
    if (!end.ok()) return std::move(end).error();
  }
  context.out() << target.text() << (left.is_null() || wait ? " deleted\n" : " deleting\n");
  return {};
}

Result<int> run_delete(Context& context, const Args& args) {
  if (args.has("filename") == args.has("KIND"))
    return wrong_use(context, "delete takes KIND NAME..., or -f FILE");
  if (args.has("KIND") && !args.has("NAME"))
    return wrong_use(context, "delete " + args.one("KIND") + ": which one? Names are missing");
  BRIDLE_TRY(const Duration timeout, timeout_of(args, "2m"));
  BRIDLE_TRY(auto doomed, named_objects(context, args));
  // What was applied first (images) is what the later ones (machines) use.
  if (args.has("filename")) std::reverse(doomed.begin(), doomed.end());
  int code = Exit::done;
  for (const auto& one : doomed) {
    const Status status = remove_one(context, one, args.has("wait"), timeout);
    if (status.ok()) continue;
    const bool missing = status.error().code() == Code::not_found;
    if (missing && args.has("ignore-missing")) continue;
    context.err() << "bridle: " << one.kind->singular << "/" << one.name << ": "
                  << status.error().message() << "\n";
    code = exit_code(status.error().code());
  }
  return code;
}

}  // namespace

void add_wait_commands(CommandTable& table) {
  table.commands.push_back(
      {{"wait"},
       "Wait until objects are as wanted",
       "Exits with 1 when --timeout is over. Ctrl-C ends the waiting, not what is waited for.",
       {{"KIND", "machine, image, volume, operation, ...", 1, 1, Complete::kind},
        {"NAME", "one or more names", 1, 0, Complete::object}},
       {{"--for,-F", "CONDITION", "deleted, phase=WORD, or PATH=VALUE such as status.engine=kvm"},
        {"--timeout", "TIME", "give up after this long [5m]"}},
       {{"bridle wait machine web --for phase=running", "until the guest runs"},
        {"bridle wait machine web db --for deleted --timeout 1m", "until both are gone"}},
       [](Context& context, const Args& args) -> Result<int> {
         if (!args.has("for")) return wrong_use(context, "wait: --for CONDITION is missing");
         return run_wait(context, args);
       }});
  table.commands.push_back(
      {{"delete"},
       "Delete objects, by name or as a file names them",
       "A running guest is stopped by force first. Volumes are objects of their own and stay.",
       {{"KIND", "machine, image, volume, ...", 0, 1, Complete::kind},
        {"NAME", "one or more names", 0, 0, Complete::object}},
       {{"--filename,-f", "FILE", "what this file, folder or - (stdin) declares", true},
        {"--wait", "", "until they are gone"},
        {"--timeout", "TIME", "give up waiting after this long [2m]"},
        {"--ignore-missing", "", "an object that does not exist is no error"}},
       {{"bridle delete machine web --wait", "one guest, until it is gone"},
        {"bridle delete -f lab.yaml", "all that lab.yaml declares, last first"}},
       run_delete});
}

}  // namespace bridle::cli
