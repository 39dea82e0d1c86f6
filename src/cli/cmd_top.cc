// bridle top.
#include <poll.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/output.h"
#include "cli/top_view.h"

namespace bridle::cli {
namespace {

// The alternate screen of a terminal, without cursor; gives the old one back at the end.
class FullScreen {
 public:
  explicit FullScreen(std::ostream& out) : out_(out) {
    out_ << "\x1b[?1049h\x1b[?25l" << std::flush;
  }
  ~FullScreen() { out_ << "\x1b[?25h\x1b[?1049l" << std::flush; }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Draws over what is there, without a flicker of emptiness.
  void draw(const std::string& text) {
    std::string frame = "\x1b[H";
    for (const char c : text) {
      if (c == '\n') frame += "\x1b[K\r";
      frame += c;
    }
    out_ << frame << "\x1b[J" << std::flush;
  }

 private:
  std::ostream& out_;
};

class Reader {
 public:
  Reader(Context& context, std::string project) : context_(context), project_(std::move(project)) {}

  Result<TopScreen> read() {
    BRIDLE_TRY(const json::value usage, context_.api().get("/api/v1/usage"));
    BRIDLE_TRY(const Listing machines,
               context_.api().list(model::info(model::Kind::machine), {project_, {}}));
    return model_.step(usage, machines.items, context_.clock().now());
  }

 private:
  Context& context_;
  std::string project_;
  TopModel model_;
};

TopLook look_of(Context& context, const std::string& project) {
  TopLook look;
  look.width = context.terminal().width;
  look.with_project = project.empty();
  look.title = project.empty() ? "all projects" : "project " + project;
  look.time = clock_of_day(context.clock().wall(), false);
  return look;
}

Result<int> run_once(Context& context, const std::string& project, Duration interval) {
  Reader reader(context, project);
  BRIDLE_TRY(TopScreen screen, reader.read());
  ::poll(nullptr, 0, static_cast<int>(interval / std::chrono::milliseconds(1)));
  BRIDLE_TRY(screen, reader.read());
  TopLook look = look_of(context, project);
  look.height = 0;
  context.out() << render_top(std::move(screen), look, context.style());
  return Exit::done;
}

bool obey(char key, TopOrder& order) {
  if (key == 'c') order = TopOrder::cpu;
  if (key == 'm') order = TopOrder::memory;
  if (key == 'd') order = TopOrder::io;
  if (key == 'n') order = TopOrder::name;
  return key != 'q' && key != 3 && key != 27;  // q, Ctrl-C, Escape
}

// Until `until`, or a key: redraws at once for a key. False: quit.
bool keys_until(Tick until, Clock& clock, TopOrder& order, bool& pressed) {
  while (clock.now() < until && !pressed) {
    const auto left = (until - clock.now()) / std::chrono::milliseconds(1);
    pollfd wait{STDIN_FILENO, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(std::max<int64_t>(left, 1))) <= 0) return true;
    char key = 'q';
    if (::read(STDIN_FILENO, &key, 1) != 1 || !obey(key, order)) return false;
    pressed = true;
  }
  return true;
}

Result<int> run_live(Context& context, const std::string& project, Duration interval) {
  Reader reader(context, project);
  BRIDLE_TRY(TopScreen screen, reader.read());
  TopOrder order = TopOrder::cpu;
  BRIDLE_TRY(const RawMode mode, RawMode::enter());
  FullScreen full(context.out());
  std::string trouble;
  Tick next = context.clock().now() + std::chrono::milliseconds(500);
  while (true) {
    context.terminal().measure();
    TopLook look = look_of(context, project);
    look.height = context.terminal().height;
    look.order = order;
    look.live = true;
    full.draw(trouble.empty() ? render_top(screen, look, context.style())
                              : cut(printable(trouble), look.width) + "\n\nq quit\n");
    bool pressed = false;
    if (!keys_until(next, context.clock(), order, pressed)) return Exit::done;
    if (pressed) continue;
    auto read = reader.read();
    trouble = read.ok() ? std::string() : read.error().message();
    if (read.ok()) screen = std::move(*read);
    next = context.clock().now() + interval;
  }
}

Result<int> run_top(Context& context, const Args& args) {
  BRIDLE_TRY(const Duration interval,
             parse_duration(args.one_or("interval", "2s")).context("--interval"));
  if (interval < std::chrono::milliseconds(200))
    return wrong_use(context, "top: --interval is at least 200ms");
  const std::string project = args.has("all-projects") ? std::string() : context.globals().project;
  if (context.globals().format == Format::json || context.globals().format == Format::yaml) {
    BRIDLE_TRY(const json::value usage, context.api().get("/api/v1/usage"));
    print_value(context, usage);
    return Exit::done;
  }
  const bool live = context.terminal().in && context.terminal().out && !args.has("once");
  return live ? run_live(context, project, interval)
              : run_once(context, project, std::min<Duration>(interval, std::chrono::seconds(1)));
}

}  // namespace

void add_top_commands(CommandTable& table) {
  table.commands.push_back(
      {{"top"},
       "Show live what every guest uses, and what Bridle itself costs",
       "CPU is in per cent of one core: CPU of the guest's virtual CPUs, QEMU of the rest of QEMU, "
       "BRIDLE of Bridle's work for this guest. Off a terminal it prints one table.",
       {},
       {{"--once", "", "print one table and end"},
        {"--interval", "TIME", "between two readings [2s]"},
        {"--all-projects,-A", "", "of all projects that you may see"}},
       {{"bridle top", "live; q ends it"}, {"bridle top --once -A", "a table of all guests"}},
       run_top});
}

}  // namespace bridle::cli
