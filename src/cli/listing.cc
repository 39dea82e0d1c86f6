#include "cli/listing.h"

#include "cli/columns.h"
#include "cli/output.h"
#include "model/yaml.h"

namespace bridle::cli {
namespace {

// One line of a watch: the object's row, without headings, in the widths of its own.
void print_change(Context& context, const model::KindInfo& kind, const json::value& object,
                  bool with_project) {
  switch (context.globals().format) {
    case Format::table:
      context.out() << object_table(kind.kind, {object}, {with_project, context.clock().wall()})
                           .render(context.terminal().width, context.style(), false);
      break;
    case Format::json:
      context.out() << json::serialize(object) << "\n";
      break;
    case Format::yaml:
      context.out() << "---\n" << model::to_yaml(object);
      break;
    case Format::name:
      context.out() << show_ref(context, object) << "\n";
  }
  context.out().flush();
}

bool is_wanted(const json::value& object, const std::vector<std::string>& names) {
  if (names.empty()) return true;
  const std::string name = text_at(object, "metadata.name");
  return std::find(names.begin(), names.end(), name) != names.end();
}

Result<int> follow(Context& context, const model::KindInfo& kind,
                   const std::vector<std::string>& names, const std::string& project,
                   uint64_t since) {
  BRIDLE_TRY(Watch watch, context.api().watch(std::string(kind.plural), project, since));
  Interrupts interrupts;
  while (!interrupts.take()) {
    BRIDLE_TRY(const auto event, watch.next(std::chrono::seconds(1)));
    if (!event || event->event == "bookmark") continue;
    boost::system::error_code error;
    const json::value object = json::parse(event->data, error);
    if (error || !is_wanted(object, names)) continue;
    if (event->event == "delete") {
      const std::string name = text_at(object, "metadata.name");
      context.out() << (name.empty() ? plain(object) : show_ref(context, object)) << " deleted\n";
      context.out().flush();
      continue;
    }
    print_change(context, kind, object, project.empty());
  }
  return Exit::done;
}

// Machines of every project may boot these.
Result<std::vector<json::value>> shared_images(Context& context, const std::string& selector) {
  auto shared = context.api().list(model::info(model::Kind::image), {"shared", selector});
  if (shared.ok()) return std::move(shared->items);
  if (shared.error().code() == Code::unauthorized) return std::vector<json::value>();
  return std::move(shared).error();
}

}  // namespace

std::vector<Flag> list_flags() {
  return {{"--selector,-l", "LABELS", "only objects with these labels: tier=web,env!=prod"},
          {"--all-projects,-A", "", "of all projects that you may see"},
          {"--watch,-w", "", "go on and print what changes (Ctrl-C ends it)"}};
}

Result<int> run_listing(Context& context, const model::KindInfo& kind,
                        const std::vector<std::string>& names, const Args& args) {
  const bool everywhere = args.has("all-projects");
  const std::string project =
      everywhere || !kind.has_project ? std::string() : context.globals().project;
  std::vector<json::value> objects;
  uint64_t revision = 0;
  if (names.empty() || everywhere) {
    BRIDLE_TRY(const Listing listing, context.api().list(kind, {project, args.one("selector")}));
    for (const auto& item : listing.items)
      if (is_wanted(item, names)) objects.push_back(item);
    revision = listing.revision;
  }
  for (const auto& name : everywhere ? std::vector<std::string>() : names) {
    BRIDLE_TRY(const json::value object, context.api().object(kind, project, name));
    revision =
        std::max(revision, static_cast<uint64_t>(number_at(object, "metadata.resourceVersion")));
    objects.push_back(object);
  }
  const bool watching = args.has("watch");
  bool with_project = everywhere;
  if (kind.kind == model::Kind::image && names.empty() && !everywhere && project != "shared") {
    BRIDLE_TRY(const auto shared, shared_images(context, args.one("selector")));
    objects.insert(objects.end(), shared.begin(), shared.end());
    with_project = !shared.empty();  // the column that says which ones are shared
  }
  print_objects(context, kind, objects, with_project, names.size() == 1);
  if (!watching) return Exit::done;
  context.out().flush();
  return follow(context, kind, names, project, revision);
}

Command list_command(model::Kind kind, Complete complete) {
  const model::KindInfo& about = model::info(kind);
  const std::string noun(about.singular);
  Command command;
  command.path = {noun, "list"};
  command.summary = "List " + std::string(about.plural);
  command.operands = {{"NAME", "only these", 0, 0, complete}};
  command.flags = list_flags();
  command.examples = {{"bridle " + noun + " list", "of the current project"},
                      {"bridle " + noun + " list -A -o json", "of all projects, for programs"}};
  command.run = [&about](Context& context, const Args& args) {
    return run_listing(context, about, args.all("NAME"), args);
  };
  return command;
}

}  // namespace bridle::cli
