// bridle volume create, list, resize, delete.
#include "base/units.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/waiting.h"
#include "model/quantity.h"

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

// Resized for the size that it is given now: the guest sees it, or the file has it.
Judge has_size(uint64_t wanted) {
  return [wanted](const json::value& object) -> Result<Verdict> {
    if (object.is_null()) return Error(Code::not_found, "the volume is gone");
    const auto size = model::bytes_of(at(object, "status.size"));
    if (size.ok() && *size == wanted) return Verdict::met;
    const std::string message = text_at(object, "status.message");
    if (message.starts_with("not resized")) return Error(Code::internal, message);
    return Verdict::wait;
  };
}

Result<int> run_resize(Context& context, const Args& args) {
  const auto& kind = model::info(model::Kind::volume);
  const std::string project = context.globals().project;
  const std::string name = args.one("NAME");
  BRIDLE_TRY(const uint64_t size, parse_bytes(args.one("SIZE")).context("SIZE"));
  BRIDLE_TRY(json::value object, context.api().object(kind, project, name));
  object.as_object()["spec"].as_object()["size"] = model::bytes_text(size);
  object.as_object().erase("status");
  BRIDLE_TRY(object, context.api().put(object, false));
  if (args.has("wait")) {
    BRIDLE_TRY(object, wait_until(context, {&kind, project, name}, has_size(size),
                                  {std::chrono::minutes(2), "resizing"}));
  }
  print_outcome(context, object, args.has("wait") ? "resized" : "resizing");
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
  table.commands.push_back(
      {{"volume", "resize"},
       "Make a disk larger, also under a running guest",
       "A running guest sees the new size at once; its partitions and file systems are its own "
       "affair. "
       "A volume never shrinks.",
       {name, {"SIZE", "its new size"}},
       {{"--wait,-w", "", "until it has the size"}},
       {{"bridle volume resize data 8GiB --wait", "and in the guest: resize2fs /dev/vdb"}},
       run_resize});
  table.commands.push_back({{"volume", "delete"},
                            "Delete disks and what is on them",
                            "A volume that a machine uses stays until the machine is gone.",
                            {{"NAME", "one or more volumes", 1, 0, Complete::volume}},
                            {},
                            {{"bridle volume delete data", "for good"}},
                            run_delete});
}

}  // namespace bridle::cli
