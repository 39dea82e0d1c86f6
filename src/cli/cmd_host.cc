// bridle host show, drain, shutdown, resume.
#include "base/units.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/waiting.h"

namespace bridle::cli {
namespace {

const model::KindInfo& kind() { return model::info(model::Kind::host); }

Result<int> run_host_show(Context& context, const Args& args) {
  std::string name = args.one("NAME");
  if (name.empty()) {
    BRIDLE_TRY(const Listing hosts, context.api().list(kind(), {}));
    if (hosts.items.size() != 1) {
      print_objects(context, kind(), hosts.items, false, false);
      return Exit::done;
    }
    name = text_at(hosts.items[0], "metadata.name");
  }
  BRIDLE_TRY(const json::value host, context.api().object(kind(), {}, name));
  if (context.globals().format == Format::table)
    context.out() << description(host, {}, context.clock().wall(), context.terminal().width,
                                 context.style());
  else
    print_objects(context, kind(), {host}, false, true);
  return Exit::done;
}

// The one that is named, or the only one.
Result<json::value> host_of(Context& context, const std::string& name) {
  if (!name.empty()) return context.api().object(kind(), {}, name);
  BRIDLE_TRY(const Listing hosts, context.api().list(kind(), {}));
  if (hosts.items.size() == 1) return hosts.items[0];
  return Error(Code::invalid, std::to_string(hosts.items.size()) + " hosts are known: name one");
}

// Bridle does it, and no guest has a process any more.
Judge all_stopped(const std::string& guests) {
  return [guests](const json::value& host) -> Result<Verdict> {
    if (host.is_null()) return Error(Code::not_found, "the host is gone");
    if (text_at(host, "spec.guests") != guests)
      return Error(Code::conflict, "somebody changed spec.guests to " +
                                       text_at(host, "spec.guests") + " meanwhile");
    const bool stopped =
        text_at(host, "status.guests") == guests && number_at(host, "status.running") == 0;
    return stopped ? Verdict::met : Verdict::wait;
  };
}

Result<int> run_guests(Context& context, const Args& args, const std::string& guests) {
  BRIDLE_TRY(const Duration timeout, parse_duration(args.one_or("timeout", "10m")));
  BRIDLE_TRY(json::value host, host_of(context, args.one("NAME")));
  const std::string name = text_at(host, "metadata.name");
  host.as_object()["spec"].as_object()["guests"] = guests;
  host.as_object().erase("status");
  BRIDLE_TRY(host, context.api().put(host, false));
  if (guests == "run" || args.has("no-wait")) {
    print_outcome(context, host,
                  guests == "run" ? "running its machines" : "stopping its machines");
    return Exit::done;
  }
  Interrupts interrupts;
  BRIDLE_TRY(host, wait_until(context, {&kind(), {}, name}, all_stopped(guests),
                              {timeout, "stopping machines", [&] { return interrupts.take(); }}));
  print_outcome(context, host, "stopped its machines");
  return Exit::done;
}

Command guests_command(const char* word, const char* guests, const char* summary,
                       const char* description) {
  Command command;
  command.path = {"host", word};
  command.summary = summary;
  command.description = description;
  command.operands = {{"NAME", "the host; without it, the only one", 0, 1}};
  if (guests != std::string_view("run"))
    command.flags = {{"--no-wait", "", "come back at once"},
                     {"--timeout", "TIME", "give up waiting after this long [10m]"}};
  command.run = [guests](Context& context, const Args& args) {
    return run_guests(context, args, guests);
  };
  return command;
}

}  // namespace

void add_host_commands(CommandTable& table) {
  table.commands.push_back(
      {{"host", "show"},
       "Show what a host has, what is reserved, and how it runs guests",
       "",
       {{"NAME", "the host; without it, the only one", 0, 1}},
       {},
       {{"bridle host show", "this host"}, {"bridle host show -o json", "for programs"}},
       run_host_show});
  table.commands.push_back(guests_command(
      "drain", "drain", "Stop all machines of a host and keep them off",
      "Highest spec.autostart.order first; each has its spec.stopTimeout, then it is forced off. "
      "None starts again before: bridle host resume."));
  table.commands.back().examples = {{"bridle host drain", "before work on the host"}};
  table.commands.push_back(guests_command(
      "shutdown", "shutdown", "Stop all machines of a host that is being shut down",
      "As drain; but when Bridle is started anew, the machines that are wanted on start by "
      "themselves, lowest spec.autostart.order first."));
  table.commands.back().examples = {
      {"bridle host shutdown --timeout 5m", "the last thing before the host is powered off"}};
  table.commands.push_back(guests_command("resume", "run", "Let the machines of a host start again",
                                          "Those that are wanted on, in their order."));
  table.commands.back().examples = {{"bridle host resume", "the work on the host is done"}};
}

}  // namespace bridle::cli
