// bridle auth can-i, whoami.
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/output.h"
#include "cli/table.h"

namespace bridle::cli {
namespace {

std::string where_of(const json::value& grant) {
  if (at(grant, "everywhere") == json::value(true)) return "every project";
  std::string out;
  if (const auto* projects = at(grant, "projects").if_array())
    for (const auto& project : *projects) out += (out.empty() ? "" : ", ") + plain(project);
  return out;
}

Result<int> run_whoami(Context& context, const Args&) {
  BRIDLE_TRY(const json::value me, context.api().get("/api/v1/auth/whoami"));
  if (context.globals().format != Format::table) {
    print_value(context, me);
    return Exit::done;
  }
  context.out() << printable(text_at(me, "identity")) << "\n";
  Table table({{"ROLE"}, {"IN"}, {"MAY ALSO"}});
  if (const auto* grants = at(me, "grants").if_array())
    for (const auto& grant : *grants) {
      std::string more = at(grant, "owner") == json::value(true) ? "grant roles" : "";
      if (at(grant, "rawAllowed") == json::value(true))
        more += more.empty() ? "set spec.raw" : ", set spec.raw";
      table.add({Cell(text_at(grant, "role")), Cell(where_of(grant)), Cell(more)});
    }
  context.out() << table.render(context.terminal().width, context.style());
  return Exit::done;
}

std::string question(const Context& context, const Args& args) {
  const std::string noun = args.one("KIND");
  std::string out = "?verb=" + encode(args.one("VERB")) + "&kind=" + encode(noun);
  if (const std::string name = args.one("NAME"); !name.empty()) out += "&name=" + encode(name);
  const model::KindInfo* kind = model::find_kind(noun);
  if (kind != nullptr && kind->has_project && !args.has("all-projects"))
    out += "&project=" + encode(context.globals().project);
  if (const std::string as = args.one("as"); !as.empty()) out += "&as=" + encode(as);
  return out;
}

Result<int> run_can(Context& context, const Args& args) {
  BRIDLE_TRY(const json::value answer,
             context.api().get("/api/v1/auth/can-i" + question(context, args)));
  const bool allowed = at(answer, "allowed") == json::value(true);
  if (context.globals().format != Format::table)
    print_value(context, answer);
  else
    context.out() << (allowed ? "yes" : "no") << "\n";
  return allowed ? Exit::done : Exit::unauthorized;
}

}  // namespace

void add_access_commands(CommandTable& table) {
  table.commands.push_back(
      {{"auth", "can-i"},
       "Ask whether you may do something",
       "Prints yes or no, and exits with 0 or 7. It asks what guards the request itself, and looks "
       "at "
       "no object: NAME need not exist. --as is for admins, and for owners of the project.",
       {{"VERB", "get, list, apply, delete, start, console, build, ..."},
        {"KIND", "machine, image, ..., or ledger, doctor, usage"},
        {"NAME", "of the object", 0, 1}},
       {{"--as", "WHO", "somebody else: uid:1000, uid:1000,gid:50, token:NAME, certificate:NAME"},
        {"--all-projects,-A", "", "in the list of all projects instead of the current one"}},
       {{"bridle auth can-i start machine -p lab", "may I start guests there?"},
        {"bridle auth can-i get machine web --as uid:1000", "may she see this one?"},
        {"bridle auth can-i get ledger", "may I read the ledger?"}},
       run_can});
  table.commands.push_back({{"auth", "whoami"},
                            "Show who you are to bridled, and what you hold",
                            "",
                            {},
                            {},
                            {{"bridle auth whoami", "identity, roles and projects"}},
                            run_whoami});
}

}  // namespace bridle::cli
