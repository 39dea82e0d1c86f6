// bridle up, selftest, down: becomes bridle-lab, which is beside bridled.
#include <unistd.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/program_folder.h"

namespace bridle::cli {
namespace {

Result<int> become_lab(Context& context, const std::string& verb,
                       const std::vector<std::string>& flags) {
  BRIDLE_TRY(const std::string folder, program_folder());
  std::vector<std::string> words{folder + "/bridle-lab", verb, "--root", context.globals().root};
  words.insert(words.end(), flags.begin(), flags.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  context.out().flush();
  ::execv(argv[0], argv.data());
  return errno_error("starting " + words[0]);
}

Result<int> run_up(Context& context, const Args& args) {
  std::vector<std::string> flags;
  if (args.has("guests")) flags = {"--guests", args.one("guests")};
  return become_lab(context, "up", flags);
}

Result<int> run_selftest(Context& context, const Args& args) {
  return become_lab(
      context, "selftest",
      args.has("json") ? std::vector<std::string>{"--json"} : std::vector<std::string>{});
}

Result<int> run_down(Context& context, const Args& args) {
  return become_lab(
      context, "down",
      args.has("purge") ? std::vector<std::string>{"--purge"} : std::vector<std::string>{});
}

}  // namespace

void add_lab_commands(CommandTable& table) {
  table.commands.push_back(
      {{"up"},
       "Start Bridle here, with a small lab of guests",
       "Starts the services (systemd where it runs, else the supervisor), builds the image tiny "
       "and "
       "applies a few guests in the project lab. Asked again, it changes nothing.",
       {},
       {{"--guests", "N", "how many guests, 1 to 9; 3 if not given"}},
       {{"bridle up", "needs root"}},
       run_up});
  table.commands.push_back(
      {{"selftest"},
       "Prove that this host works, with figures",
       "Boots a guest, computes from a nonce on its console, asks its agent, kills its QEMU and "
       "bridled with signal 9, verifies the ledger, and removes the guest. Exits with 1 if "
       "anything failed.",
       {},
       {{"--json", "", "one JSON object instead of a table"}},
       {{"bridle selftest", "after: bridle up"}},
       run_selftest});
  table.commands.push_back(
      {{"down"},
       "End Bridle here: guests and services",
       "Guests are asked to end, then ended. With --purge all files of the root go too, and what "
       "is "
       "left (files, processes, users, cgroups, mounts) is compared with what was there before: "
       "bridle up.",
       {},
       {{"--purge", "", "leave nothing: state, ledger, images and volumes are deleted"}},
       {{"bridle down --purge", "nothing is left, or it says what"}},
       run_down});
}

}  // namespace bridle::cli
