#include "cli/progress.h"

#include "base/units.h"
#include "cli/human.h"

namespace bridle::cli {

std::string progress_line(const std::string& what, const Step& step, Duration elapsed,
                          size_t width) {
  std::string out = printable(what) + "  ";
  if (step.fraction >= 0) {
    const size_t inside = width >= 100 ? 30 : 16;
    std::string number = percent(std::min(step.fraction, 1.0));
    if (number.find('.') != std::string::npos) number = number.substr(0, number.find('.')) + "%";
    out += bar(step.fraction, inside) +
           std::string(number.size() < 4 ? 5 - number.size() : 1, ' ') + number + "  ";
  }
  out += age(elapsed);
  if (!step.message.empty()) out += "  " + printable(step.message);
  return width == 0 ? out : cut(out, width);
}

Progress::Progress(Context& context, std::string what)
    : context_(context), what_(std::move(what)), start_(context.clock().now()) {}

Progress::~Progress() { clear(); }

Duration Progress::elapsed() const { return context_.clock().now() - start_; }

void Progress::show(const Step& step) {
  if (context_.animated()) {
    const size_t width = context_.terminal().width == 0 ? 79 : context_.terminal().width - 1;
    context_.err() << "\r\x1b[K" << progress_line(what_, step, elapsed(), width) << std::flush;
    drawn_ = true;
    return;
  }
  // Off a terminal: a line when the words change, not for each percent.
  if (step.message.empty() || step.message == last_plain_) return;
  last_plain_ = step.message;
  context_.err() << printable(what_) << ": " << printable(step.message) << std::endl;
}

void Progress::clear() {
  if (drawn_) context_.err() << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace bridle::cli
