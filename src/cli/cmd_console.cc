// bridle machine console, exec.
#include <poll.h>
#include <unistd.h>

#include <charconv>

#include "base/file.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/human.h"
#include "cli/output.h"

namespace bridle::cli {
namespace {

const model::KindInfo& kind() { return model::info(model::Kind::machine); }

Result<RawStream> connect(Context& context, const std::string& name, uint64_t scrollback) {
  const std::string target = ApiClient::path(kind(), context.globals().project, name) +
                             "/console?scrollback=" + std::to_string(scrollback);
  BRIDLE_TRY(auto upgraded, context.api().http().upgrade({"GET", target}, "bridle-stream"));
  if (!upgraded.stream) return ApiClient::error_of(upgraded.refusal.status, upgraded.refusal.body);
  return std::move(*upgraded.stream);
}

// Waits a moment before the next attempt; true: the detach key was typed meanwhile.
bool pause_or_detach(const PumpOptions& options, bool input_open) {
  pollfd wait{input_open && options.raw ? options.in : -1, POLLIN, 0};
  if (::poll(&wait, 1, 500) <= 0) return options.interrupted && options.interrupted();
  char typed[256];
  const ssize_t n = ::read(options.in, typed, sizeof typed);
  return n <= 0 ||
         std::string_view(typed, static_cast<size_t>(n)).find(detach_key) != std::string_view::npos;
}

struct Session {
  Context& context;
  std::string name;
  bool reconnect;
  std::string line_end;  // "\r\n" in raw mode

  void say(const std::string& what) {
    context.err() << line_end << "[" << what << "]\r\n" << std::flush;
  }

  Result<PumpEnd> run(RawStream stream, const PumpOptions& options) {
    bool input_open = true;
    while (true) {
      BRIDLE_TRY(const PumpEnd end, pump(stream, options, input_open));
      if (end != PumpEnd::closed || !reconnect) return end;
      say("the console ended; connecting again, Ctrl-] gives up");
      while (true) {
        if (pause_or_detach(options, input_open)) return PumpEnd::detached;
        auto next = connect(context, name, 0);
        if (!next.ok() && next.error().code() == Code::not_found) return std::move(next).error();
        if (!next.ok()) continue;
        stream = std::move(*next);
        say("connected again");
        break;
      }
    }
  }
};

Result<uint64_t> scrollback_of(const Args& args) {
  BRIDLE_TRY(const uint64_t bytes,
             parse_bytes(args.one_or("scrollback", "4KiB")).context("--scrollback"));
  return std::min<uint64_t>(bytes, 256 << 10);
}

Result<int> run_console(Context& context, const Args& args) {
  BRIDLE_TRY(const uint64_t scrollback, scrollback_of(args));
  BRIDLE_TRY(const Duration linger,
             parse_duration(args.one_or("linger", "1s")).context("--linger"));
  const std::string name = args.one("NAME");
  BRIDLE_TRY(RawStream stream, connect(context, name, scrollback));
  const bool raw = context.terminal().in;
  Session session{context, name, args.has("reconnect"), raw ? "\r\n" : ""};
  PumpOptions options;
  options.raw = raw;
  options.linger = linger;
  Result<PumpEnd> end = PumpEnd::detached;
  context.out().flush();
  if (raw) {
    context.err() << "[machine/" << name << "; Ctrl-] detaches]\n" << std::flush;
    BRIDLE_TRY(const RawMode mode, RawMode::enter());
    end = session.run(std::move(stream), options);
    // Whatever the guest left switched on: colours off, cursor on.
    if (context.terminal().out) BRIDLE_CHECK(write_all(STDOUT_FILENO, "\x1b[0m\x1b[?25h"));
  } else {
    Interrupts interrupts;
    options.interrupted = [&] { return interrupts.take(); };
    end = session.run(std::move(stream), options);
  }
  if (!end.ok()) return std::move(end).error();
  if (raw)
    context.err() << "\r\n[" << (*end == PumpEnd::closed ? "the console ended" : "detached")
                  << "]\n";
  if (*end == PumpEnd::closed && !raw)
    context.err() << "bridle: the console of machine/" << name << " ended\n";
  return Exit::done;
}

// On a terminal without what a terminal would obey; elsewhere as it is.
void show(std::ostream& out, bool terminal, std::string_view text) {
  while (terminal && !text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out << printable(text.substr(0, end)) << (end < text.size() ? "\n" : "");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  out << text;
}

Result<int> run_exec(Context& context, const Args& args) {
  BRIDLE_TRY(const Duration timeout,
             parse_duration(args.one_or("timeout", "30s")).context("--timeout"));
  json::array argv;
  for (const auto& word : args.all("COMMAND")) argv.push_back(json::string(word));
  const auto seconds = std::max<int64_t>(timeout / std::chrono::seconds(1), 1);
  const json::object request{{"do", "exec"}, {"argv", std::move(argv)}, {"timeout", seconds}};
  const std::string target =
      ApiClient::path(kind(), context.globals().project, args.one("NAME")) + "/agent";
  const ApiClient patient = context.api().with_patience(timeout + std::chrono::seconds(15));
  BRIDLE_TRY(const json::value reply, patient.call({"POST", target, json::serialize(request)}));
  if (context.globals().format_given && context.globals().format != Format::table) {
    print_value(context, reply);
  } else {
    show(context.out(), context.terminal().out, text_at(reply, "out"));
    show(context.err(), context.terminal().err, text_at(reply, "err"));
  }
  if (at(reply, "ok") == json::value(false))
    return Error(Code::internal, "the guest's agent says: " + text_at(reply, "error"));
  if (at(reply, "truncated") == json::value(true))
    return Error(Code::exhausted,
                 "the output was cut: the agent hands over 32 KiB; write to a file in the guest "
                 "and read it in pieces, or use the console");
  const auto status = static_cast<int>(number_at(reply, "status"));
  return std::clamp(status, 0, 255);
}

}  // namespace

void add_console_commands(CommandTable& table) {
  const Operand name{"NAME", "the machine", 1, 1, Complete::machine};
  table.commands.push_back(
      {{"machine", "console"},
       "Talk to a guest on its serial port; Ctrl-] detaches",
       "Shows the last output first. Several consoles at once see the same, and all may type. When "
       "stdin "
       "is no terminal, it is sent to the guest, and the answer is shown until the guest falls "
       "silent.",
       {name},
       {{"--scrollback", "SIZE", "how much earlier output to show, at most 256KiB [4KiB]"},
        {"--reconnect", "", "when the stream ends (bridled or the guest restarts), connect again"},
        {"--linger", "TIME", "off a terminal: silence that ends it [1s]"}},
       {{"bridle machine console web", "a shell, or whatever is there"},
        {"bridle machine console web --reconnect", "stays through restarts"}},
       run_console});
  table.commands.push_back(
      {{"machine", "exec"},
       "Run a command in a guest, through its agent",
       "Its output is printed here, its exit status becomes this program's. No shell is involved: "
       "for "
       "pipes say sh -c '...'.",
       {name, {"COMMAND", "the program and its arguments", 1, 0}},
       {{"--timeout", "TIME", "how long it may run, at most 10m [30s]"}},
       {{"bridle machine exec web -- uname -r", "which kernel it runs"},
        {"bridle machine exec web -- sh -c 'df / | tail -1'", "with a shell of the guest"}},
       run_exec});
}

}  // namespace bridle::cli
