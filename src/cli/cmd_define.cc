// bridle machine define: a machine from flags; what `apply` does from a file.
#include <charconv>

#include "base/units.h"
#include "cli/caller.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/waiting.h"

namespace bridle::cli {
namespace {

Result<json::object> labels_of(const Args& args) {
  json::object labels;
  for (const auto& label : args.all("label")) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error(Code::invalid, "--label \"" + label + "\": expected KEY=VALUE");
    labels[label.substr(0, equals)] = label.substr(equals + 1);
  }
  return labels;
}

// "root", "data:ro", "disk0=data": a volume as a disk.
json::object disk_of(std::string word, bool first) {
  json::object disk;
  if (word.ends_with(":ro")) {
    disk["readOnly"] = true;
    word.resize(word.size() - 3);
  }
  const size_t equals = word.find('=');
  disk["name"] = equals != std::string::npos ? word.substr(0, equals) : first ? "root" : word;
  disk["volume"] = equals == std::string::npos ? word : word.substr(equals + 1);
  return disk;
}

// "2", "250m:1000": RESERVATION[:LIMIT[:SHARES]].
json::object share_of(const std::string& word) {
  json::object share;
  const char* keys[] = {"reservation", "limit", "shares"};
  std::string_view rest = word;
  for (const char* key : keys) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const std::string value(rest.substr(0, end));
    uint64_t number = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = !value.empty() && parsed.ptr == value.data() + value.size();
    if (whole && std::string_view(key) == "shares")
      share[key] = number;
    else if (!value.empty())
      share[key] = value;
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (rest.empty()) break;
  }
  return share;
}

Result<json::object> spec_of(const Args& args) {
  json::object spec;
  spec["image"] = args.one("image");
  spec["power"] = args.has("start") ? "running" : "stopped";
  for (const auto& [flag, key] : {std::pair{"memory", "memory"},
                                  {"restart", "restart"},
                                  {"zone", "zone"},
                                  {"stop-timeout", "stopTimeout"},
                                  {"kernel-arguments", "kernelArguments"}})
    if (args.has(flag)) spec[key] = args.one(flag);
  if (args.has("cpus")) {
    unsigned cpus = 0;
    const std::string text = args.one("cpus");
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), cpus);
    if (parsed.ptr != text.data() + text.size() || text.empty() || cpus == 0)
      return Error(Code::invalid, "--cpus \"" + text + "\": expected a whole number such as 2");
    spec["cpus"] = cpus;
  }
  json::array disks, interfaces, wishes;
  for (const auto& disk : args.all("disk")) disks.push_back(disk_of(disk, disks.empty()));
  for (const auto& network : args.all("network"))
    interfaces.push_back(
        {{"name", "net" + std::to_string(interfaces.size())}, {"network", network}});
  for (const auto& wish : args.all("wish")) wishes.push_back(json::string(wish));
  if (!disks.empty()) spec["disks"] = disks;
  if (!interfaces.empty()) spec["interfaces"] = interfaces;
  if (!wishes.empty()) spec["wishes"] = wishes;
  json::object resources;
  if (args.has("cpu-share")) resources["cpu"] = share_of(args.one("cpu-share"));
  if (args.has("memory-share")) resources["memory"] = share_of(args.one("memory-share"));
  if (!resources.empty()) spec["resources"] = resources;
  return spec;
}

Result<json::value> object_of(Context& context, const Args& args) {
  BRIDLE_TRY(json::object spec, spec_of(args));
  BRIDLE_TRY(json::object labels, labels_of(args));
  json::object metadata{{"name", args.one("NAME")},
                        {"project", context.globals().project},
                        {"owner", args.one_or("owner", caller_name())}};
  if (!labels.empty()) metadata["labels"] = labels;
  return json::value{{"apiVersion", "bridle/v1"},
                     {"kind", "Machine"},
                     {"metadata", std::move(metadata)},
                     {"spec", std::move(spec)}};
}

Result<int> run_define(Context& context, const Args& args) {
  if (!args.has("image"))
    return wrong_use(context, "machine define: --image is missing (see: bridle image list)");
  const auto& kind = model::info(model::Kind::machine);
  const std::string project = context.globals().project;
  const std::string name = args.one("NAME");
  BRIDLE_TRY(const json::value wanted, object_of(context, args));
  if (args.has("dry-run") && context.globals().format != Format::table) {
    print_value(context, wanted);
    return Exit::done;
  }
  if (context.api().object(kind, project, name).ok())
    return Error(
        Code::conflict,
        "machine/" + name + " exists already; change it with: bridle edit machine " + name);
  BRIDLE_TRY(json::value object, context.api().put(wanted, args.has("dry-run")));
  if (args.has("dry-run")) {
    print_outcome(context, object, "would be defined");
    return Exit::done;
  }
  const bool waits = args.has("start") && args.has("wait");
  if (waits) {
    Interrupts interrupts;
    BRIDLE_TRY(object, wait_until(context, {&kind, project, name}, machine_reaches("running"),
                                  {std::chrono::minutes(5), "starting",
                                   [&] { return interrupts.take(); }}));
  }
  print_outcome(context, object, waits ? "running" : args.has("start") ? "starting" : "defined");
  return Exit::done;
}

}  // namespace

void add_define_commands(CommandTable& table) {
  table.commands.push_back(
      {{"machine", "define"},
       "Define a guest by flags",
       "What flags cannot say (seed, labels of disks, raw) is said in a file: see `bridle apply` "
       "and "
       "`bridle explain machine`. With -o yaml --dry-run it prints the file that would do the "
       "same.",
       {{"NAME", "its name"}},
       {{"--image,-i", "NAME", "what it boots; of this project or of project shared"},
        {"--memory,-m", "SIZE", "such as 512MiB [128MiB]"},
        {"--cpus,-c", "N", "virtual CPUs [1]"},
        {"--owner", "WHO", "the accountable person or team [you]"},
        {"--disk,-d", "VOLUME", "a volume as a disk: VOLUME, NAME=VOLUME, with :ro read-only",
         true},
        {"--network", "NAME", "an interface on this network", true},
        {"--label", "KEY=VALUE", "a label", true},
        {"--restart",
         "WHEN",
         "what to do when it ends by itself",
         false,
         {"never", "on-failure", "always"}},
        {"--stop-timeout", "TIME", "from the power button to force [30s]"},
        {"--cpu-share", "R:L:S", "CPU reservation:limit:shares, such as 500m:2:1000"},
        {"--memory-share", "R:L:S", "memory reservation:limit:shares, such as 64MiB"},
        {"--zone", "NAME", "trust zone [the project]"},
        {"--wish",
         "WORD",
         "what it should be good at",
         true,
         {"throughput", "cloneable", "recordable"}},
        {"--kernel-arguments", "TEXT", "appended to the image's"},
        {"--start", "", "and start it"},
        {"--wait,-w", "", "with --start: until it runs"},
        {"--dry-run", "", "check it, change nothing"}},
       {{"bridle machine define web --image tiny --start --wait", "the smallest guest, running"},
        {"bridle machine define db --image debian -m 1GiB -c 2 -d db-root --network default",
         "with a disk and an interface"},
        {"bridle machine define db --image debian --dry-run -o yaml",
         "the file instead of the deed"}},
       run_define});
}

}  // namespace bridle::cli
