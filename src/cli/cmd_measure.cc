// bridle bench: finds the program bridle-bench-NAME beside bridled, and becomes it.
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/program_folder.h"

namespace bridle::cli {
namespace {

constexpr std::string_view prefix = "bridle-bench-";

Result<std::vector<std::string>> bench_names() {
  BRIDLE_TRY(const std::string folder, program_folder());
  BRIDLE_TRY(const auto names, list_folder(folder));
  std::vector<std::string> out;
  for (const auto& name : names)
    if (name.starts_with(prefix)) out.push_back(name.substr(prefix.size()));
  return out;
}

Result<int> run_bench(Context& context, const Args& args) {
  BRIDLE_TRY(const auto names, bench_names());
  if (args.has("list")) {
    for (const auto& name : names) context.out() << name << "\n";
    if (names.empty()) context.err() << "no benchmark is installed beside this program\n";
    return Exit::done;
  }
  const std::string name = args.one("NAME");
  if (name.empty()) return wrong_use(context, "bench: which one? See: bridle bench --list");
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    std::string message = "no benchmark \"" + name + "\" is installed; there are:";
    for (const auto& known : names) message += " " + known;
    return Error(Code::not_found,
                 names.empty() ? "no benchmark is installed beside this program" : message);
  }
  BRIDLE_TRY(const std::string folder, program_folder());
  std::vector<std::string> words{folder + "/" + std::string(prefix) + name, "--root",
                                 context.globals().root};
  for (const char* flag : {"json", "quick"})
    if (args.has(flag)) words.push_back("--" + std::string(flag));
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  context.out().flush();
  ::execv(argv[0], argv.data());
  return errno_error("starting " + words[0]);
}

}  // namespace

void add_bench_commands(CommandTable& table) {
  table.commands.push_back(
      {{"bench"},
       "Measure this host, beside what it is compared with",
       "Its figures are the promises in SPECIFICATION.md, each with target and verdict.",
       {{"NAME", "the benchmark", 0, 1, Complete::bench}},
       {{"--json", "", "one JSON object instead of a table"},
        {"--quick", "", "under a minute"},
        {"--list", "", "the names of all benchmarks"}},
       {{"bridle bench machine --quick", "how fast guests start here"},
        {"bridle bench --list", "what can be measured"}},
       run_bench});
}

}  // namespace bridle::cli
