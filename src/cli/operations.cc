#include "cli/operations.h"

#include <unistd.h>

#include "cli/waiting.h"

namespace bridle::cli {
namespace {

enum class Choice { go_on, detach, cancel };

Choice ask_what_now(Context& context) {
  if (!context.terminal().in || !context.terminal().err) return Choice::detach;
  context.err() << "\r\x1b[K"
                << "The work goes on in bridled. [w]ait on, [d]etach, [c]ancel it? " << std::flush;
  char answer = 0;
  // Ctrl-C again, or the end of input: detach.
  if (::read(STDIN_FILENO, &answer, 1) != 1) answer = 'd';
  char rest = answer;
  while (rest != '\n' && ::read(STDIN_FILENO, &rest, 1) == 1) continue;
  if (answer == 'w' || answer == 'W') return Choice::go_on;
  return answer == 'c' || answer == 'C' ? Choice::cancel : Choice::detach;
}

}  // namespace

Result<FollowEnd> follow_operation(Context& context, const json::value& operation,
                                   Duration timeout) {
  const auto& kind = model::info(model::Kind::operation);
  const Target target{&kind, text_at(operation, "metadata.project"),
                      text_at(operation, "metadata.name")};
  Interrupts interrupts;
  bool stopped = false;
  WaitOptions options{timeout, "waiting", [&] { return stopped = interrupts.take(); }};
  while (true) {
    auto end = wait_until(context, target, operation_ends(), options);
    if (end.ok()) return FollowEnd::succeeded;
    if (!stopped) return std::move(end).error();
    const Choice choice = ask_what_now(context);
    interrupts.take();
    stopped = false;
    if (choice == Choice::detach) {
      context.err() << "detached; see: bridle operation wait " << target.name << "\n";
      return FollowEnd::detached;
    }
    if (choice == Choice::go_on) continue;
    BRIDLE_TRY([[maybe_unused]] const json::value asked,
               context.api().act(kind, target.project, target.name, "cancel"));
  }
}

}  // namespace bridle::cli
