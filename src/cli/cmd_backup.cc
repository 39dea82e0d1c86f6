// bridle backup, restore: all state of a root as one encrypted file.
#include <unistd.h>

#include <iostream>

#include "backup/backup.h"
#include "base/file.h"
#include "base/layout.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/human.h"

namespace bridle::cli {
namespace {

constexpr size_t longest_key = 64 << 10;

Result<std::string> first_line(const std::string& path) {
  std::string line;
  if (path == "-") {
    std::getline(std::cin, line);
    return line;
  }
  BRIDLE_TRY(const std::string text, read_file(path, longest_key));
  return text.substr(0, text.find('\n'));
}

Result<std::string> secret_of(const Args& args) {
  if (args.has("key-file") == args.has("passphrase-file"))
    return Error(Code::invalid,
                 "say --passphrase-file FILE (its first line; - is stdin) or --key-file FILE (made "
                 "with: head -c 32 /dev/urandom > FILE); keep it apart from the backup");
  if (args.has("passphrase-file")) return first_line(args.one("passphrase-file"));
  return read_file(args.one("key-file"), longest_key);
}

Status check_root(const Layout& layout) {
  if (::geteuid() == 0) return {};
  return Error(Code::unauthorized,
               "only root reads and writes the state of " + layout.root() + ": run it with sudo");
}

void tell(Context& context, const std::string& what, const backup::Summary& summary) {
  context.out() << what << ": " << summary.entries << " files, " << bytes(summary.bytes)
                << ", made by Bridle " << summary.made_by << " at " << summary.created << "\n";
}

Result<int> run_backup(Context& context, const Args& args) {
  BRIDLE_TRY(const Layout layout, Layout::of(context.globals().root));
  BRIDLE_TRY(const std::string secret, secret_of(args));
  const std::string file = args.one("FILE");
  if (args.has("verify")) {
    BRIDLE_TRY(const backup::Summary summary, backup::verify(file, secret));
    tell(context, file + " is whole", summary);
    return Exit::done;
  }
  BRIDLE_CHECK(check_root(layout));
  // Without a daemon the store is opened directly.
  const auto asked = context.api().call({"POST", "/api/v1/snapshot"});
  if (!asked.ok() && asked.error().code() != Code::unreachable) return asked.error();
  // What a backup that was cut short left is of another time.
  if (!asked.ok()) BRIDLE_CHECK(remove_file(layout.state() + "/snapshot.db"));
  SystemRandom random;
  BRIDLE_TRY(const backup::Summary summary,
             backup::make(layout, file, secret, {args.has("images"), args.has("volumes")}, random,
                          context.clock().wall()));
  tell(context, "saved to " + file, summary);
  return Exit::done;
}

Result<int> run_restore(Context& context, const Args& args) {
  BRIDLE_TRY(const Layout layout, Layout::of(context.globals().root));
  BRIDLE_TRY(const std::string secret, secret_of(args));
  BRIDLE_CHECK(check_root(layout));
  if (context.api().get("/healthz").ok())
    return Error(Code::conflict, "bridled runs for " + layout.root() + ": stop it first");
  BRIDLE_TRY(const backup::Summary summary, backup::restore(layout, args.one("FILE"), secret));
  tell(context, "restored to " + layout.root(), summary);
  return Exit::done;
}

const std::vector<Flag>& key_flags() {
  static const std::vector<Flag> flags = {
      {"--passphrase-file", "FILE", "the passphrase is its first line; - is stdin"},
      {"--key-file", "FILE", "the key: any 8 bytes to 64 KiB, better 32 random ones"}};
  return flags;
}

std::vector<Flag> with_keys(std::vector<Flag> flags) {
  flags.insert(flags.begin(), key_flags().begin(), key_flags().end());
  return flags;
}

}  // namespace

void add_backup_commands(CommandTable& table) {
  table.commands.push_back(
      {{"backup"},
       "Save all state of this host in one encrypted file",
       "Objects, secrets, the ledger with its key and the images' manifests, consistent while "
       "bridled runs. The file is encrypted and checked as a whole (docs/backup.md).",
       {{"FILE", "the backup", 1, 1, Complete::file}},
       with_keys({{"--images", "", "the images' parts too: they need not be built again"},
                  {"--volumes", "", "the guests' disks too; no guest may run"},
                  {"--verify", "", "read and check FILE instead of writing it"}}),
       {{"bridle backup /srv/bridle.backup --key-file /root/backup.key", "while guests run"},
        {"bridle backup /srv/bridle.backup --key-file /root/backup.key --verify",
         "is it whole, and is this its key?"}},
       run_backup});
  table.commands.push_back(
      {{"restore"},
       "Put a backup into an empty root",
       "Everything is read and checked first; then it takes its place. Images whose parts the "
       "backup does not hold are built again with: bridle image build NAME.",
       {{"FILE", "the backup", 1, 1, Complete::file}},
       with_keys({}),
       {{"bridle restore /srv/bridle.backup --key-file /root/backup.key",
         "before bridled is started"}},
       run_restore});
}

}  // namespace bridle::cli
