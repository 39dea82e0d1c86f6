// bridle volume create, list, delete; bridle host show.
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/waiting.h"

namespace bridle::cli {
namespace {

json::object new_object(std::string_view kind, const std::string& name, const std::string& project,
                        json::object spec) {
  return {{"apiVersion", "bridle/v1"},
          {"kind", kind},
          {"metadata", {{"name", name}, {"project", project}}},
          {"spec", std::move(spec)}};
}

Result<int> run_create(Context& context, const Args& args) {
  if (!args.has("size") && !args.has("image"))
    return wrong_use(context, "volume create: --size, --image or both are missing");
  const auto& kind = model::info(model::Kind::volume);
  const std::string project = context.globals().project;
  const std::string name = args.one("NAME");
  json::object spec;
  for (const auto* key : {"size", "image", "format"})
    if (args.has(key)) spec[key] = args.one(key);
  if (context.api().object(kind, project, name).ok())
    return Error(Code::conflict, "volume/" + name + " exists already");
  json::object wanted = new_object("Volume", name, project, spec);
  if (args.has("owner")) wanted["metadata"].get_object()["owner"] = args.one("owner");
  BRIDLE_TRY(json::value object, context.api().put(wanted, false));
  if (args.has("wait")) {
    BRIDLE_TRY(const Judge judge, judge_of("phase=ready", kind));
    BRIDLE_TRY(object,
               wait_until(context, {&kind, project, name}, judge, {std::chrono::minutes(2)}));
  }
  print_outcome(context, object, args.has("wait") ? "ready" : "created");
  return Exit::done;
}

Result<int> run_delete(Context& context, const Args& args) {
  const auto& kind = model::info(model::Kind::volume);
  for (const auto& name : args.all("NAME")) {
    BRIDLE_TRY(const json::value left, context.api().remove(kind, context.globals().project, name));
    context.out() << "volume/" << name << (left.is_null() ? " deleted\n" : " deleting\n");
  }
  return Exit::done;
}

Result<int> run_host_show(Context& context, const Args& args) {
  const auto& kind = model::info(model::Kind::host);
  std::string name = args.one("NAME");
  if (name.empty()) {
    BRIDLE_TRY(const Listing hosts, context.api().list(kind, {}));
    if (hosts.items.size() != 1) {
      print_objects(context, kind, hosts.items, false, false);
      return Exit::done;
    }
    name = text_at(hosts.items[0], "metadata.name");
  }
  BRIDLE_TRY(const json::value host, context.api().object(kind, {}, name));
  if (context.globals().format == Format::table)
    context.out() << description(host, {}, context.clock().wall(), context.terminal().width,
                                 context.style());
  else
    print_objects(context, kind, {host}, false, true);
  return Exit::done;
}

}  // namespace

void add_volume_commands(CommandTable& table) {
  const Operand name{"NAME", "the volume", 1, 1, Complete::volume};
  table.commands.push_back(list_command(model::Kind::volume, Complete::volume));
  table.commands.push_back(
      {{"volume", "create"},
       "Create a disk: empty, or on top of an image's",
       "A volume with --image is a copy-on-write overlay: it takes only the room of what is "
       "written.",
       {{"NAME", "its name"}},
       {{"--size", "SIZE", "such as 4GiB; without it the image's"},
        {"--image", "NAME", "the image whose disk lies below"},
        {"--format", "FORMAT", "how it is kept", false, {"qcow2", "raw"}},
        {"--owner", "WHO", "the accountable person or team"},
        {"--wait,-w", "", "until it is ready"}},
       {{"bridle volume create data --size 4GiB --wait", "an empty disk"},
        {"bridle volume create data --size 4GiB --owner ann@example.org", "and whose it is"},
        {"bridle volume create web-root --image debian", "a writable copy of debian's disk"}},
       run_create});
  table.commands.push_back({{"volume", "delete"},
                            "Delete disks and what is on them",
                            "A volume that a machine uses stays until the machine is gone.",
                            {{"NAME", "one or more volumes", 1, 0, Complete::volume}},
                            {},
                            {{"bridle volume delete data", "for good"}},
                            run_delete});
}

void add_host_commands(CommandTable& table) {
  table.commands.push_back(
      {{"host", "show"},
       "Show what a host has, what is reserved, and how it runs guests",
       "",
       {{"NAME", "the host; without it, the only one", 0, 1}},
       {},
       {{"bridle host show", "this host"}, {"bridle host show -o json", "for programs"}},
       run_host_show});
}

}  // namespace bridle::cli
