#include "cli/run.h"

#include "base/layout.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/help.h"
#include "cli/human.h"
#include "cli/parse.h"

namespace bridle::cli {
namespace {

std::string first_of(const std::string& a, const std::string& b, const std::string& c) {
  return !a.empty() ? a : !b.empty() ? b : c;
}

Format format_named(const std::string& word) {
  if (word == "json") return Format::json;
  if (word == "yaml") return Format::yaml;
  return word == "name" ? Format::name : Format::table;
}

// Which host: --context, else --root, else $BRIDLE_CONTEXT, else $BRIDLE_ROOT, else the current
// context. "-" is the unix socket.
Status choose_host(const Args& args, const Environment& environment, Globals& globals) {
  auto file = contexts_file(environment.variable("XDG_CONFIG_HOME"), environment.variable("HOME"));
  if (file.ok()) globals.contexts = *file;
  std::string name = args.one("context");
  if (name.empty() && args.has("root")) return {};
  if (name.empty()) name = environment.variable("BRIDLE_CONTEXT");
  const bool named = !name.empty();
  if (name == "-" || (!named && !environment.variable("BRIDLE_ROOT").empty())) return {};
  if (!named && globals.contexts.empty()) return {};
  if (!file.ok()) return std::move(file).error();
  BRIDLE_TRY(const Contexts contexts, load_contexts(*file));
  if (!named) name = contexts.current;
  if (name.empty()) return {};
  const HostContext* found = contexts.find(name);
  if (found == nullptr)
    return Error(Code::invalid, "there is no context \"" + name + "\"; see: bridle context list");
  globals.host = *found;
  return {};
}

Result<Globals> globals_of(const Command& command, const Args& args,
                           const Environment& environment) {
  Globals globals;
  // `bridle context` must work also where the file or the chosen context is wrong.
  if (const Status chosen = choose_host(args, environment, globals);
      !chosen.ok() && command.path.front() != "context")
    return Error(chosen.error().code(), chosen.error().message());
  globals.root = first_of(args.one("root"), environment.variable("BRIDLE_ROOT"), "/var/lib/bridle");
  const std::string usual =
      globals.host && !globals.host->project.empty() ? globals.host->project : "default";
  globals.project = first_of(args.one("project"), environment.variable("BRIDLE_PROJECT"), usual);
  globals.reason = first_of(args.one("reason"), environment.variable("BRIDLE_REASON"), "");
  if (globals.reason.find_first_of("\r\n") != std::string::npos)
    return Error(Code::invalid, "--reason: expected one line");
  globals.format_given = args.has("output");
  globals.format = format_named(args.one("output"));
  globals.progress = !args.has("no-progress");
  const bool dumb = environment.variable("TERM") == "dumb";
  globals.colour = !args.has("no-color") && environment.variable("NO_COLOR").empty() && !dumb;
  BRIDLE_CHECK(Layout::of(globals.root).context("--root"));
  BRIDLE_CHECK(model::check_name("--project", globals.project));
  return globals;
}

void print_error(const Environment& environment, const Style& style, const Error& error) {
  environment.err << style.paint(Tone::bad, "bridle:") << " ";
  // Messages of several lines (validation) keep their lines.
  std::string_view rest = error.message();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    environment.err << printable(rest.substr(0, end)) << "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

int run(const std::vector<std::string>& words, const Environment& environment) {
  static const CommandTable table = all_commands();
  auto parsed = parse(table, words);
  if (!parsed.ok()) {
    print_error(environment, Style(false), parsed.error());
    return Exit::wrong_use;
  }
  const size_t width = environment.terminal.width == 0 ? 80 : environment.terminal.width;
  if (const auto* help = std::get_if<HelpWanted>(&*parsed)) {
    (help->asked ? environment.out : environment.err) << help_text(table, help->path, width);
    return help->asked ? Exit::done : Exit::wrong_use;
  }
  const auto& invocation = std::get<Invocation>(*parsed);
  auto globals = globals_of(*invocation.command, invocation.args, environment);
  if (!globals.ok()) {
    print_error(environment, Style(false), globals.error());
    return Exit::wrong_use;
  }
  Context context(*globals, table, environment.out, environment.err, environment.terminal,
                  environment.program);
  const auto code = invocation.command->run(context, invocation.args);
  environment.out.flush();
  if (code.ok()) return *code;
  print_error(environment, context.err_style(), code.error());
  return exit_code(code.error().code());
}

}  // namespace bridle::cli
