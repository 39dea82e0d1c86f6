// bridle get, describe, explain.
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "model/schema.h"

namespace bridle::cli {
namespace {

Result<int> run_get(Context& context, const Args& args) {
  BRIDLE_TRY(const auto* kind, kind_named(args.one("KIND")));
  return run_listing(context, *kind, args.all("NAME"), args);
}

std::vector<json::value> events_of(Context& context, const json::value& object) {
  const auto& kind = model::info(model::Kind::event);
  const auto all = context.api().list(kind, {text_at(object, "metadata.project"), {}});
  std::vector<json::value> out;
  if (!all.ok()) return out;
  const auto* own = model::find_kind(text_at(object, "kind"));
  for (const auto& event : all->items) {
    const auto* about = model::find_kind(text_at(event, "spec.object.kind"));
    if (about == own && text_at(event, "spec.object.name") == text_at(object, "metadata.name"))
      out.push_back(event);
  }
  return out;
}

// Those given; without any, the host of an installation that has only one.
Result<std::vector<std::string>> names_to_describe(Context& context, const model::KindInfo& kind,
                                                   const Args& args) {
  auto names = args.all("NAME");
  if (!names.empty() || kind.kind != model::Kind::host) return names;
  BRIDLE_TRY(const Listing hosts, context.api().list(kind, {}));
  if (hosts.items.size() == 1) names.push_back(text_at(hosts.items[0], "metadata.name"));
  return names;
}

Result<int> run_describe(Context& context, const Args& args) {
  BRIDLE_TRY(const auto* kind, kind_named(args.one("KIND")));
  bool first = true;
  BRIDLE_TRY(const auto names, names_to_describe(context, *kind, args));
  if (names.empty())
    return wrong_use(context, "describe " + args.one("KIND") + ": which one? Names are missing");
  for (const auto& name : names) {
    BRIDLE_TRY(const json::value object,
               context.api().object(*kind, context.globals().project, name));
    if (!first) context.out() << "\n\n";
    first = false;
    if (context.globals().format == Format::json || context.globals().format == Format::yaml) {
      print_value(context, object);
      continue;
    }
    context.out() << description(object, events_of(context, object), context.clock().wall(),
                                 context.terminal().width, context.style());
  }
  return Exit::done;
}

Result<int> run_explain(Context& context, const Args& args) {
  std::string word = args.one("PATH");
  const size_t dot = std::min(word.find('.'), word.size());
  BRIDLE_TRY(const auto* kind, kind_named(word.substr(0, dot)));
  const std::string path = dot < word.size() ? word.substr(dot + 1) : std::string();
  BRIDLE_TRY(std::string text, model::explain(kind->kind, path));
  if (text.empty() || text.back() != '\n') text += '\n';
  context.out() << text;
  return Exit::done;
}

}  // namespace

void add_get_commands(CommandTable& table) {
  table.commands.push_back(
      {{"get"},
       "Show objects of a kind",
       "",
       {{"KIND", "machine, image, volume, secret, project, binding, role, host, operation, event",
         1, 1, Complete::kind},
        {"NAME", "only these", 0, 0, Complete::object}},
       list_flags(),
       {{"bridle get machines", "all guests of the current project"},
        {"bridle get machine web -o yaml", "one, as a file that `apply` takes"},
        {"bridle get machines -A -l tier=web", "of all projects, with a label"},
        {"bridle get projects", "what each project uses of its quota"},
        {"bridle get machines -w", "and what changes from now on"}},
       run_get});
  table.commands.push_back(
      {{"describe"},
       "Show all about an object: state and why, what comes next, usage, events",
       "",
       {{"KIND", "machine, image, volume, ...", 1, 1, Complete::kind},
        {"NAME", "one or more names; of a host none is needed if there is only one", 0, 0,
         Complete::object}},
       {},
       {{"bridle describe machine web", "why it is as it is"},
        {"bridle describe host", "this host"}},
       run_describe});
  table.commands.push_back({{"explain"},
                            "Explain a kind of object or one of its fields",
                            "",
                            {{"PATH", "KIND or KIND.FIELD", 1, 1, Complete::kind}},
                            {},
                            {{"bridle explain machine", "all fields of a machine"},
                             {"bridle explain machine.spec.disks", "one of them"}},
                            run_explain});
}

}  // namespace bridle::cli
