// bridle events.
#include <poll.h>

#include "base/units.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/output.h"
#include "model/yaml.h"

namespace bridle::cli {
namespace {

const model::KindInfo& kind() { return model::info(model::Kind::event); }

struct Filter {
  std::string from;   // RFC 3339: later events only; such times sort as text
  std::string about;  // "machine/web"; empty: all
  bool wants(const json::value& event) const {
    if (text_at(event, "spec.at") < from) return false;
    const std::string ref =
        text_at(event, "spec.object.kind") + "/" + text_at(event, "spec.object.name");
    return about.empty() || ref == about;
  }
};

std::string padded(const std::string& text, size_t width) {
  const size_t columns = columns_of(text);
  return text + std::string(columns < width ? width - columns : 0, ' ');
}

// "10:22:31  warning  machine/web  Killed  QEMU was killed by signal 9": one line, as it comes.
std::string event_line(Context& context, const json::value& event, bool everywhere) {
  const auto time = WallTime::parse(text_at(event, "spec.at"));
  const std::string level = text_at(event, "spec.level");
  const std::string project = text_at(event, "spec.object.project");
  std::string line = time.ok() ? clock_of_day(*time, true) : std::string(19, ' ');
  line += "  " + context.style().paint(tone_of(level), printable(level)) +
          std::string(level.size() < 7 ? 7 - level.size() : 0, ' ');
  const std::string about = printable(text_at(event, "spec.object.kind") + "/" +
                                      (everywhere && !project.empty() ? project + "/" : "") +
                                      text_at(event, "spec.object.name"));
  line += "  " + padded(about, 18) + "  " + padded(printable(text_at(event, "spec.reason")), 14);
  const std::string message = printable(text_at(event, "spec.message"));
  return line + (message.empty() ? "" : "  " + message);
}

void print_event(Context& context, const json::value& event, bool everywhere) {
  if (context.globals().format == Format::json)
    context.out() << json::serialize(event) << "\n";
  else if (context.globals().format == Format::yaml)
    context.out() << "---\n" << model::to_yaml(event);
  else if (context.globals().format == Format::name)
    context.out() << show_ref(context, event) << "\n";
  else
    context.out() << event_line(context, event, everywhere) << "\n";
}

Result<int> follow(Context& context, const std::string& project, uint64_t since,
                   const Filter& filter) {
  Interrupts interrupts;
  bool first = true, ended = false;
  while (!ended) {
    auto opened = context.api().watch(std::string(kind().plural), project, since);
    if (!opened.ok() && (first || opened.error().code() != Code::unreachable))
      return std::move(opened).error();
    first = false;
    while (opened.ok() && !(ended = interrupts.take())) {
      auto event = opened->next(std::chrono::seconds(1));
      if (!event.ok() && event.error().code() == Code::unreachable) break;  // restarted: go on
      if (!event.ok()) return std::move(event).error();
      if (!*event) continue;
      if (const double id = number_at(json::object{{"id", (*event)->id}}, "id"); id > 0)
        since = static_cast<uint64_t>(id);
      boost::system::error_code error;
      const json::value object = json::parse((*event)->data, error);
      if (error || (*event)->event != "put" || !filter.wants(object)) continue;
      print_event(context, object, project.empty());
      context.out().flush();
    }
    if (ended) break;
    context.err() << "bridled ended the stream; resuming\n";
    ::poll(nullptr, 0, 1000);
    ended = interrupts.take();
  }
  return Exit::done;
}

Result<int> run_events(Context& context, const Args& args) {
  const bool everywhere = args.has("all-projects");
  const std::string project = everywhere ? std::string() : context.globals().project;
  Filter filter;
  filter.about = args.one("for");
  if (args.has("since")) {
    BRIDLE_TRY(const Duration back, parse_duration(args.one("since")).context("--since"));
    filter.from = WallTime{context.clock().wall().ns - back.count()}.text();
  }
  BRIDLE_TRY(Listing listing, context.api().list(kind(), {project, {}}));
  std::sort(listing.items.begin(), listing.items.end(), [](const auto& a, const auto& b) {
    return text_at(a, "spec.at") < text_at(b, "spec.at");
  });
  size_t shown = 0;
  for (const auto& event : listing.items) {
    if (!filter.wants(event)) continue;
    print_event(context, event, everywhere);
    ++shown;
  }
  context.out().flush();
  if (args.has("follow")) return follow(context, project, listing.revision, filter);
  if (shown == 0)
    context.err() << "no events" << (everywhere ? "" : " in project " + project) << "\n";
  return Exit::done;
}

}  // namespace

void add_event_commands(CommandTable& table) {
  table.commands.push_back({{"events"},
                            "Show what happened, oldest first",
                            "",
                            {},
                            {{"--follow,-f", "", "go on and print what happens (Ctrl-C ends it)"},
                             {"--since", "TIME", "only the last 5m, 2h, 1d"},
                             {"--for", "KIND/NAME", "only of this object, such as machine/web"},
                             {"--all-projects,-A", "", "of all projects that you may see"}},
                            {{"bridle events --since 1h", "of the last hour"},
                             {"bridle events -f --for machine/web", "of one guest, live"}},
                            run_events});
}

}  // namespace bridle::cli
