// bridle completion, version.
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/output.h"

namespace bridle::cli {
namespace {

Result<int> run_completion(Context& context, const Args& args) {
  const std::string shell = args.one("SHELL");
  if (shell != "bash" && shell != "zsh")
    return wrong_use(context, "completion: \"" + shell + "\" is not known; there are bash and zsh");
  context.out() << completion_script(context.table(), shell);
  return Exit::done;
}

Result<int> run_version(Context& context, const Args& args) {
  json::object out{{"client", BRIDLE_VERSION}};
  auto daemon =
      args.has("client") ? Result<json::value>(json::value()) : context.api().get("/version");
  if (daemon.ok() && !daemon->is_null()) out["daemon"] = *daemon;
  if (context.globals().format != Format::table) {
    print_value(context, out);
    return daemon.ok() ? Exit::done : exit_code(daemon.error().code());
  }
  context.out() << "bridle " << BRIDLE_VERSION << "\n";
  if (daemon.ok() && daemon->is_object()) {
    const std::string version = text_at(*daemon, "version");
    context.out() << "bridled " << version;
    for (const auto& member : daemon->get_object())
      if (member.key() != "name" && member.key() != "version")
        context.out() << ", " << std::string(member.key()) << " " << plain(member.value());
    context.out() << "\n";
  }
  // So that scripts can ask whether bridled is there.
  if (!daemon.ok()) return std::move(daemon).error();
  return Exit::done;
}

}  // namespace

void add_shell_commands(CommandTable& table) {
  table.commands.push_back(
      {{"completion"},
       "Print the script that completes bridle's words in a shell",
       "",
       {{"SHELL", "bash or zsh", 1, 1, Complete::shell}},
       {},
       {{"bridle completion bash > /etc/bash_completion.d/bridle", "for everybody"}},
       run_completion});
  table.commands.push_back({{"version"},
                            "Show the versions of this program and of bridled",
                            "Exits with 6 when bridled does not answer (not with --client).",
                            {},
                            {{"--client", "", "of this program only"}},
                            {{"bridle version -o json", "for programs"}},
                            run_version});
}

}  // namespace bridle::cli
