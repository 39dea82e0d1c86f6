// bridle image build, list, inspect, delete.
#include "base/units.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/listing.h"
#include "cli/operations.h"
#include "cli/output.h"
#include "model/quantity.h"

namespace bridle::cli {
namespace {

const model::KindInfo& kind() { return model::info(model::Kind::image); }

// Makes the image's object if it is missing; true: it did.
Result<bool> make_object(Context& context, const std::string& name, const std::string& recipe) {
  auto found = context.api().object(kind(), context.globals().project, name);
  if (found.ok()) {
    const std::string has = text_at(*found, "spec.recipe");
    if (!recipe.empty() && recipe != has)
      return Error(Code::conflict, "image/" + name + " has the recipe " + has + ", not " + recipe +
                                       "; build under another name, or delete it first");
    return false;
  }
  if (found.error().code() != Code::not_found) return std::move(found).error();
  const std::string chosen = recipe.empty() ? name : recipe;
  if (chosen != "tiny" && chosen != "debian")
    return Error(Code::invalid, "image/" + name +
                                    " does not exist yet, and its name is no recipe: "
                                    "say --recipe tiny or --recipe debian");
  BRIDLE_TRY(const json::value made,
             context.api().put(
                 json::value{{"apiVersion", "bridle/v1"},
                             {"kind", "Image"},
                             {"metadata", {{"name", name}, {"project", context.globals().project}}},
                             {"spec", {{"recipe", chosen}}}},
                 false));
  return !made.is_null();
}

// The build's operation. An object that was made for a build that is refused goes again.
Result<json::value> begin_build(Context& context, const std::string& name,
                                const std::string& recipe) {
  BRIDLE_TRY(const bool made, make_object(context, name, recipe));
  auto operation = context.api().act(kind(), context.globals().project, name, "build");
  if (operation.ok() || !made || operation.error().code() == Code::unreachable) return operation;
  const auto removed = context.api().remove(kind(), context.globals().project, name);
  if (removed.ok()) return operation;
  return std::move(operation).error().context("image/" + name + " was made, but not built");
}

Result<int> run_build(Context& context, const Args& args) {
  BRIDLE_TRY(const Duration timeout,
             parse_duration(args.one_or("timeout", "1h")).context("--timeout"));
  const std::string name = args.one("NAME");
  BRIDLE_TRY(const json::value operation, begin_build(context, name, args.one("recipe")));
  if (args.has("no-wait")) {
    print_outcome(context, operation, "builds image/" + name);
    return Exit::done;
  }
  BRIDLE_TRY(const FollowEnd end, follow_operation(context, operation, timeout));
  if (end == FollowEnd::detached) return Exit::done;
  BRIDLE_TRY(const json::value built,
             context.api().object(kind(), context.globals().project, name));
  print_outcome(context, built, "ready");
  return Exit::done;
}

Result<int> run_inspect(Context& context, const Args& args) {
  BRIDLE_TRY(const json::value object,
             context.api().object(kind(), context.globals().project, args.one("NAME")));
  if (context.globals().format != Format::table) {
    print_objects(context, kind(), {object}, false, true);
    return Exit::done;
  }
  context.out() << show_ref(context, object) << " " << phase_of(object) << "\n";
  Table parts({{"PART"}, {"SIZE", true}, {"SHA-256"}});
  for (const char* part : {"kernel", "initrd", "disk"}) {
    const std::string base = "status." + std::string(part);
    const std::string digest = text_at(object, base + ".digest");
    if (digest.empty()) continue;
    const auto size = model::bytes_of(at(object, base + ".size"));
    parts.add({part, Cell(size.ok() ? bytes(*size) : ""), Cell(digest)});
  }
  if (parts.rows() > 0) context.out() << parts.render(0, context.style());
  for (const auto& [label, path] : {std::pair{"disk format", "status.diskFormat"},
                                    {"disk size", "status.diskVirtualSize"},
                                    {"kernel arguments", "status.kernelArguments"},
                                    {"least memory", "status.leastMemory"},
                                    {"built", "status.built"},
                                    {"imported from", "status.sourceFormat"},
                                    {"message", "status.message"}})
    if (const std::string text = plain(at(object, path)); !text.empty())
      context.out() << label << ": " << printable(text) << "\n";
  if (const json::value notes = at(object, "status.notes"); notes.is_array())
    for (const json::value& note : notes.get_array())
      context.out() << "note: " << printable(plain(note)) << "\n";
  return Exit::done;
}

Result<int> run_delete(Context& context, const Args& args) {
  for (const auto& name : args.all("NAME")) {
    BRIDLE_TRY(const json::value left,
               context.api().remove(kind(), context.globals().project, name));
    context.out() << "image/" << name << (left.is_null() ? " deleted\n" : " deleting\n");
  }
  return Exit::done;
}

}  // namespace

void add_image_commands(CommandTable& table) {
  const Operand name{"NAME", "the image", 1, 1, Complete::image};
  table.commands.push_back(
      {{"image", "build"},
       "Build an image; without it, make its object first",
       "tiny: a kernel and a busybox initramfs, boots in seconds. debian: minimal Debian 12 on a "
       "disk, "
       "with ssh. Ctrl-C asks whether to detach (the build goes on) or to cancel.",
       {name},
       {{"--recipe,-r", "RECIPE", "how it is made [the image's name]", false, {"tiny", "debian"}},
        {"--no-wait", "", "do not wait for its end; prints the operation"},
        {"--timeout", "TIME", "give up waiting after this long [1h]"}},
       {{"bridle image build tiny", "the small one"},
        {"bridle image build base --recipe debian --no-wait", "in the background"}},
       run_build});
  table.commands.push_back(list_command(model::Kind::image, Complete::image));
  table.commands.push_back({{"image", "inspect"},
                            "Show an image's parts and their digests",
                            "",
                            {name},
                            {},
                            {{"bridle image inspect tiny", "kernel, initrd, disk"}},
                            run_inspect});
  table.commands.push_back({{"image", "delete"},
                            "Delete images",
                            "An image that a machine or a volume uses stays: delete those first.",
                            {{"NAME", "one or more images", 1, 0, Complete::image}},
                            {},
                            {{"bridle image delete tiny", "its parts go when nothing uses them"}},
                            run_delete});
}

}  // namespace bridle::cli
