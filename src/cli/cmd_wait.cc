// bridle wait, delete.
#include "base/units.h"
#include "cli/commands.h"
#include "cli/human.h"
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
  const auto judge = judge_of(args.one("for"), *kind);
  if (!judge.ok()) return wrong_use(context, judge.error().message());
  const auto timeout = timeout_of(args, "5m");
  if (!timeout.ok()) return wrong_use(context, timeout.error().message());
  Interrupts interrupts;
  WaitOptions options{*timeout, "waiting for " + args.one("for"),
                      [&] { return interrupts.take(); }};
  for (const auto& name : args.all("NAME")) {
    const Target target{kind, context.globals().project, name};
    BRIDLE_TRY(const json::value object, wait_until(context, target, *judge, options));
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
  const std::string project = kind->has_project ? context.globals().project : std::string();
  for (const auto& name : args.all("NAME")) out.push_back({kind, project, name});
  if (!args.has("selector")) return out;
  BRIDLE_TRY(const Listing chosen, context.api().list(*kind, {project, args.one("selector")}));
  for (const auto& object : chosen.items)
    out.push_back({kind, project, text_at(object, "metadata.name")});
  return out;
}

std::string text_of(const std::vector<Doomed>& doomed) {
  std::string text;
  for (const auto& one : doomed)
    text += (text.empty() ? "" : ", ") + std::string(one.kind->singular) + "/" + one.name;
  return printable(text);
}

// What is wrong with the words; empty: nothing.
std::string misuse_of_delete(const Args& args) {
  if (args.has("filename") == args.has("KIND"))
    return "delete takes KIND NAME..., KIND -l LABELS, or -f FILE";
  if (args.has("filename") && args.has("selector"))
    return "delete -f FILE takes no --selector: the file says which";
  if (args.has("NAME") && args.has("selector")) return "delete takes names or --selector, not both";
  // An empty selector chooses everything: nobody deletes that by an unset variable.
  if (args.has("selector") && args.one("selector").empty()) return "--selector is empty";
  if (args.has("KIND") && !args.has("NAME") && !args.has("selector"))
    return "delete " + args.one("KIND") + ": which one? Names are missing, or --selector";
  return {};
}

Status remove_one(Context& context, const Doomed& doomed, const Args& args, Duration timeout) {
  const bool wait = args.has("wait");
  BRIDLE_TRY(const json::value left,
             context.api().remove(*doomed.kind, doomed.project, doomed.name, args.has("dry-run")));
  const Target target{doomed.kind, doomed.project, doomed.name};
  if (args.has("dry-run")) {
    context.out() << target.text() << " would be deleted\n";
    return {};
  }
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
  if (const std::string misuse = misuse_of_delete(args); !misuse.empty())
    return wrong_use(context, misuse);
  const auto timeout = timeout_of(args, "2m");
  if (!timeout.ok()) return wrong_use(context, timeout.error().message());
  BRIDLE_TRY(auto doomed, named_objects(context, args));
  // What was applied first (images) is what the later ones (machines) use.
  if (args.has("filename")) std::reverse(doomed.begin(), doomed.end());
  if (args.has("selector"))
    context.err() << printable(args.one("selector"))
                  << (doomed.empty() ? " chooses nothing" : " chooses " + text_of(doomed)) << "\n";
  int code = Exit::done;
  for (const auto& one : doomed) {
    const Status status = remove_one(context, one, args, *timeout);
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
        {"--selector,-l", "LABELS",
         "those with these labels, instead of names: tier=web,env!=prod"},
        {"--dry-run", "", "tell what would be deleted; delete nothing"},
        {"--wait", "", "until they are gone"},
        {"--timeout", "TIME", "give up waiting after this long [2m]"},
        {"--ignore-missing", "", "an object that does not exist is no error"}},
       {{"bridle delete machine web --wait", "one guest, until it is gone"},
        {"bridle delete machines -l tier=web --dry-run", "which ones those labels choose"},
        {"bridle delete -f lab.yaml", "all that lab.yaml declares, last first"}},
       run_delete});
}

}  // namespace bridle::cli
