// Progress: one thing that takes a while, shown on stderr: a bar that is drawn over on a terminal,
// plain lines (only when something changed) elsewhere.
#pragma once

#include <string>

#include "cli/context.h"

namespace bridle::cli {

struct Step {
  double fraction = -1;  // 0 to 1; negative: not known, no bar
  std::string message;
};

// "image/tiny  [#####-----]  52%  12s  unpacking packages", cut to `width` (0: not at all). Pure.
std::string progress_line(const std::string& what, const Step& step, Duration elapsed,
                          size_t width);

class Progress {
 public:
  Progress(Context& context, std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const Step& step);
  // Takes the drawn line away, so that something else can be printed. Called at the end, too.
  void clear();
  Duration elapsed() const;

 private:
  Context& context_;
  std::string what_;
  Tick start_;
  bool drawn_ = false;
  std::string last_plain_;
};

}  // namespace bridle::cli
